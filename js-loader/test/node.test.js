// The file helper while a writer is at work: the pair is read again, and for how long.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadFile, loadPair } from 'plmhead/node'
import { defaultParts, makePair } from './support/pair.js'

const earlier = makePair()
const later = makePair({ ...defaultParts(), coef: [[1, 2, 3, 4]] })

/** Runs `body` with a folder that holds the later NPZ and the earlier config; each wait calls `onWait` instead. */
function torn(onWait, body) {
  const folder = mkdtempSync(join(tmpdir(), 'plmhead-node-'))
  const { wait } = Atomics
  const waits = []
  Atomics.wait = (...words) => {
    waits.push(words[3])
    onWait(waits.length, join(folder, 'model_config.json'))
  }
  try {
    writeFileSync(join(folder, 'model.npz'), later.npz)
    writeFileSync(join(folder, 'model_config.json'), earlier.config)
    body(join(folder, 'model'), waits)
  } finally {
    Atomics.wait = wait
    rmSync(folder, { recursive: true })
  }
}

test('a torn pair is read again until it is whole', () => {
  for (const whole of [1, 2, 3]) {
    const finish = (count, config) => count === whole && writeFileSync(config, later.config)
    torn(finish, (name, waits) => {
      const { name: stem, npz, config, head } = loadPair(name)
      assert.equal(stem, 'model')
      assert.deepEqual([npz, config].map((bytes) => Buffer.from(bytes)), [later.npz, later.config])
      assert.equal(head.nFeaturesIn, 4)
      assert.deepEqual(waits, [1, 4, 16].slice(0, whole))
    })
  }
})

test('the mismatch is reported in the end, and no other error is read again', () => {
  torn(() => {}, (name, waits) => {
    assert.throws(() => loadFile(name), { code: 'NPZ_DIGEST' })
    assert.equal(waits.length, 3)
    writeFileSync(`${name}_config.json`, '{')
    assert.throws(() => loadFile(name), { code: 'JSON_SYNTAX' })
    assert.equal(waits.length, 3)
  })
})
