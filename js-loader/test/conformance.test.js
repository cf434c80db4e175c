// Every case of ../conformance and of its gold: verdict, code, where, description, and predictions to the bit.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isFormatError, isInputError, load } from '../src/index.js'
import { describe, predict } from '../src/testee.js'

for (const suite of ['conformance', 'conformance/gold']) {
  const suiteFolder = fileURLToPath(new URL(`../../${suite}/`, import.meta.url))
  const manifestPath = join(suiteFolder, 'manifest.json')
  const cases = existsSync(manifestPath) ? JSON.parse(readFileSync(manifestPath, 'utf8')).cases : []

  test(`the suite ${suite} is there`, () => {
    assert.ok(cases.length > 0, `${manifestPath} is missing, or lists no case`)
  })

  for (const entry of cases) testCase(suiteFolder, suite, entry)
}

function testCase(suiteFolder, suite, { id, path, kind, sha256 }) {
  test(`${suite} ${id}`, () => {
    const folder = join(suiteFolder, path)
    for (const [name, digest] of Object.entries(sha256)) {
      assert.equal(createHash('sha256').update(readFileSync(join(folder, name))).digest('hex'), digest, `${name} is damaged`)
    }
    const expected = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
    assert.equal(expected.kind, kind)
    const npz = withSpaces(readFileSync(join(folder, 'model.npz')), expected.prepend?.npz)
    const config = withSpaces(readFileSync(join(folder, 'model_config.json')), expected.prepend?.config)
    if (kind === 'reject') return checkReject(() => load(npz, config), expected)
    const head = load(npz, config)
    assert.deepEqual(describe(head), expected.describe)
    for (const prediction of expected.predictions) checkPrediction(head, folder, prediction)
  })
}

function withSpaces(bytes, count = 0) {
  if (count === 0) return bytes
  const longer = Buffer.alloc(count + bytes.length, 0x20)
  longer.set(bytes, count)
  return longer
}

function checkReject(run, expected) {
  const error = caught(run)
  assert.ok(isFormatError(error), String(error))
  assert.equal(error.code, expected.code, error.message)
  if (expected.where !== null) assert.equal(error.where, expected.where, error.message)
}

function checkPrediction(head, folder, { x, threshold, assay_type, error, decision, probability, labels }) {
  const request = { x: { ...x, path: join(folder, x.path) }, threshold, assay_type }
  if (error === undefined) {
    assert.deepEqual(predict(head, request), { decision, probability, labels })
    return
  }
  const found = caught(() => predict(head, request))
  assert.ok(isInputError(found), String(found))
  assert.deepEqual({ code: found.code, where: found.where }, error)
}

function caught(run) {
  try {
    run()
  } catch (error) {
    return error
  }
  return assert.fail('nothing was thrown')
}
