// Bundles and tables of sequences through plmhead/encode, on the real runtimes. The refusals, 106 of them, are in
// conformance/bundle; what the command prints is compared with Rust's in tests/test_predict_languages.py.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import * as native from 'onnxruntime-node'
import * as wasm from 'onnxruntime-web'
import { bucketOf, inBatches } from '../src/encode/batches.js'
import { encodeCodes } from '../src/encode/faults.js'
import { GraphFault, externalFiles, ports } from '../src/encode/onnx.js'
import { droppedFiles, fromBytes, fromFiles, fromUrl, isEncodeError, openBundle } from '../src/encode/index.js'
import { openFolder, openTable } from '../src/encode/node.js'
import { RESIDUES, goldenSequences, tokenize } from '../src/sequences.js'
import registry from '../../spec/v1/errors.json' with { type: 'json' }
import { tinyBundle } from './support/bundle.js'

const files = tinyBundle()
const sequence = fc.string({ unit: fc.constantFrom(...RESIDUES, 'X'), minLength: 1, maxLength: 60 })
let bundle
before(async () => { bundle = await openBundle(fromBytes(files), { runtime: native }) })
after(() => bundle.release())

async function all(iterable) {
  const found = []
  for await (const item of iterable) found.push(item)
  return found
}

test('codes and remedies are those of errors.json', () => {
  const known = new Map(registry.errors.map(({ code, remedy }) => [code, remedy]))
  for (const [code, remedy] of Object.entries(encodeCodes)) assert.equal(known.get(code), remedy, code)
  const due = registry.errors.filter(({ phase }) => phase === 'bundle').map(({ code }) => code)
  assert.ok(due.every((code) => Object.hasOwn(encodeCodes, code)))
})

test('opening tells how far it is, and how near the golden results are', async () => {
  const steps = []
  const opened = await openBundle(fromBytes(files), { runtime: native, onProgress: (step) => steps.push(step) })
  assert.deepEqual([...new Set(steps.map(({ step }) => step))], ['read', 'open', 'prove'])
  for (const kind of ['read', 'open', 'prove']) {
    const { done, total } = steps.filter(({ step }) => step === kind).at(-1)
    assert.equal(done, total)
  }
  assert.equal(opened.proof.sequences, 6)
  assert.ok(opened.proof.decision <= 1e-4 && opened.proof.embedding <= 1e-4)
  assert.deepEqual([opened.encoder.name, opened.hasRandomWeights, opened.tooLong], ['plmhead/random-esm2-tiny', true, 'error'])
  await opened.release()
})

test('opening can be given up', async () => {
  const giveUp = new AbortController()
  const onProgress = () => giveUp.abort()
  await assert.rejects(openBundle(fromBytes(files), { runtime: native, onProgress, signal: giveUp.signal }), { name: 'AbortError' })
})

test('WebAssembly gives the decisions of the native runtime', async () => {
  const other = await openBundle(fromBytes(files), { runtime: wasm })
  const sequences = [...goldenSequences().slice(0, 5), 'MKLV', 'EVQLVESGGGLVQPGGSLRLSCAAS']
  const [one, two] = [await all(bundle.predict(sequences)), await all(other.predict(sequences))]
  one.forEach(({ decision, label }, row) => {
    assert.ok(Math.abs(decision - two[row].decision) <= 1e-4)
    assert.equal(label, two[row].label)
  })
  await other.release()
})

test('an embedding depends on its sequence and the batch size alone, to the bit', async () => {
  await fc.assert(fc.asyncProperty(fc.array(sequence, { minLength: 1, maxLength: 12 }), sequence, async (others, own) => {
    const [alone] = await all(bundle.predict([own], { batchSize: 4 }))
    const beside = await all(bundle.predict([...others, own], { batchSize: 4 }))
    assert.equal(beside.at(-1).decision, alone.decision)
  }), { numRuns: 25 })
})

test('batches hold every sequence once, in few shapes', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 1022 }), { maxLength: 60 }), fc.integer({ min: 1, max: 16 }), (lengths, size) => {
    const batches = inBatches(lengths.map((length) => 'M'.repeat(length)), size)
    assert.deepEqual(batches.flatMap(({ members }) => members).sort((a, b) => a - b), lengths.map((_, index) => index))
    const rowsOf = new Map()
    for (const { bucket, rows, members } of batches) {
      assert.ok(members.length <= rows && rows <= size && (rows === 1 || rows * bucket <= 1024))
      for (const index of members) assert.equal(bucketOf(lengths[index]), bucket)
      assert.equal(rowsOf.get(bucket) ?? rows, rows)
      rowsOf.set(bucket, rows)
    }
  }))
  assert.deepEqual([1, 120, 1022].map(bucketOf), [8, 128, 1024])
})

test('a shape asked for is filled with padding and rows of one residue', () => {
  const { inputIds, attentionMask } = tokenize(['MK'], 'int32', { rows: 2, length: 5 })
  assert.deepEqual([...inputIds], [0, 20, 15, 2, 1, 0, 5, 2, 1, 1])
  assert.deepEqual([...attentionMask], [1, 1, 1, 1, 0, 1, 1, 1, 0, 0])
  assert.throws(() => tokenize(['MK'], 'int32', { rows: 1, length: 3 }), RangeError)
})

test('results come in order, window by window; a bad record is reported, skipped, or stops the run behind what is before it', async () => {
  const records = ['MK', 'M*K', '', 'EVQL'].map((text, i) => ({ line: 2 * i + 1, id: `r${i}`, sequence: text, fault: null }))
  const seen = []
  const reported = await all(bundle.predict(records, { onError: 'report', window: 2, batchSize: 1, onProgress: (now) => seen.push({ ...now }) }))
  assert.deepEqual(reported.map(({ row, id, line }) => [row, id, line]), records.map(({ id, line }, row) => [row, id, line]))
  assert.deepEqual(reported.map(({ error }) => error?.code ?? null), [null, 'SEQUENCE_LETTER', 'SEQUENCE_EMPTY', null])
  assert.deepEqual([reported[1].error.position, reported[1].error.remedy, reported[1].decision], [2, 'remove the stop mark', null])
  assert.deepEqual(seen.at(-1), { done: 4, read: 4, bad: 2 })
  assert.ok(seen.every(({ done }, i) => i === 0 || done >= seen[i - 1].done))
  assert.deepEqual((await all(bundle.predict(records, { onError: 'skip' }))).map(({ id }) => id), ['r0', 'r3'])
  const stopped = []
  await assert.rejects(async () => {
    for await (const { id } of bundle.predict(records, { name: 'x.fasta' })) stopped.push(id)
  }, (error) => isEncodeError(error, 'DATA') && error.where === 'x.fasta' && /line 3 \(r1\): SEQUENCE_LETTER: .*; remove the stop mark$/.test(error.message))
  assert.deepEqual(stopped, ['r0'])
})

test('options are checked before a record is read', async () => {
  const untouched = { [Symbol.iterator]: () => assert.fail('read') }
  await assert.rejects(all(bundle.predict(untouched, { threshold: 2 })), { code: 'THRESHOLD' })
  await assert.rejects(all(bundle.predict(untouched, { assayType: 'x' })), { code: 'ASSAY_TYPE' })
  await assert.rejects(all(bundle.predict(untouched, { onError: 'ignore' })), TypeError)
  await assert.rejects(all(bundle.predict(untouched, { batchSize: 0 })), RangeError)
  await assert.rejects(all(bundle.predict([], { name: 'x' })), { code: 'DATA', where: 'x' })
})

test('a run can be given up between batches', async () => {
  const giveUp = new AbortController()
  const run = bundle.predict(['MK', 'MKLV', 'MKLVMKLVMKLV'], { batchSize: 1, onProgress: () => giveUp.abort(), signal: giveUp.signal })
  await assert.rejects(all(run), { name: 'AbortError' })
})

test('a runtime that fails, or gives something else, is RUNTIME', async () => {
  const broken = (run) => ({
    ...native, Tensor: native.Tensor, InferenceSession: { create: async () => ({ run, release: async () => undefined }) },
  })
  const answers = [
    async () => { throw new Error('out of memory') },
    async () => ({ pooled: { type: 'float32', dims: [1, 1], data: new Float32Array(1) } }),
    async ({ input_ids: { dims: [rows] } }) => ({ pooled: { type: 'float32', dims: [rows, 32], data: new Float32Array(rows * 32).fill(NaN) } }),
  ]
  for (const run of answers) await assert.rejects(openBundle(fromBytes(files), { runtime: broken(run) }), { code: 'RUNTIME' })
  const unable = { ...native, InferenceSession: { create: async () => { throw new Error('no available backend found. ERR: [wasm]') } } }
  await assert.rejects(openBundle(fromBytes(files), { runtime: unable }), { code: 'RUNTIME' })
})

const chosen = (folder) => [...files].map(([name, bytes]) => {
  return Object.defineProperty(new File([bytes], name), 'webkitRelativePath', { value: `${folder}${name}` })
})

test('chosen files: those beside the outermost manifest', async () => {
  for (const folder of ['', 'bundle/', 'a/b/']) {
    const inner = new File(['x'], 'bundle.json')
    Object.defineProperty(inner, 'webkitRelativePath', { value: `${folder}old/bundle.json` })
    const opened = await openBundle(fromFiles([inner, ...chosen(folder)]), { runtime: native })
    await opened.release()
  }
  await assert.rejects(openBundle(fromFiles([]), { runtime: native }), { code: 'BUNDLE_FILE', where: 'bundle.json' })
  const elsewhere = chosen('bundle/').map((file) => (file.name.endsWith('.onnx') ? Object.defineProperty(new File([file], file.name), 'webkitRelativePath', { value: `other/${file.name}` }) : file))
  await assert.rejects(openBundle(fromFiles(elsewhere), { runtime: native }), { code: 'BUNDLE_FILE', where: 'random-esm2-tiny.onnx' })
})

test('a drop gives its files, and the own files of its folders', async () => {
  const leaf = (file, fullPath) => ({ isFile: true, isDirectory: false, fullPath, file: (resolve) => resolve(file) })
  const folder = (entries) => ({
    isFile: false, isDirectory: true,
    // As browsers do: some at a time, then none.
    createReader: () => { const rest = [...entries]; return { readEntries: (resolve) => resolve(rest.splice(0, 2)) } },
  })
  const entries = [...files].map(([name, bytes]) => leaf(new File([bytes], name), `/bundle/${name}`))
  const item = (entry) => ({ kind: 'file', webkitGetAsEntry: () => entry, getAsFile: () => null })
  const items = [{ kind: 'string' }, item(folder([...entries, folder([])])), { kind: 'file', getAsFile: () => new File(['>a'], 'a.fasta') }]
  const found = await droppedFiles({ items })
  assert.deepEqual(found.map(({ name }) => name).sort(), [...files.keys(), 'a.fasta'].sort())
  await (await openBundle(fromFiles(found), { runtime: native })).release()
})

test('an address: its own folder, sizes before bytes, no redirection', async () => {
  const asked = []
  const get = async (address, options) => {
    asked.push(String(address))
    assert.equal(options.redirect, 'error')
    const bytes = files.get(String(address).split('/').at(-1))
    return bytes ? new Response(bytes) : new Response('', { status: 404 })
  }
  await (await openBundle(fromUrl('http://x.test/b?v=1', { fetch: get }), { runtime: native })).release()
  assert.ok(asked.every((address) => address.startsWith('http://x.test/b/')), asked.join())
  const endless = async () => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(4096)) }))
  await assert.rejects(openBundle(fromUrl('http://x.test/b/', { fetch: endless }), { runtime: native }), { code: 'BUNDLE_FILE', where: 'bundle.json' })
  const away = async () => { throw new TypeError('fetch failed') }
  await assert.rejects(openBundle(fromUrl('http://x.test/b/', { fetch: away }), { runtime: native }), { code: 'BUNDLE_FILE' })
})

test('a folder, and a table in it; links are refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plmhead-encode-'))
  try {
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
    writeFileSync(join(folder, 'x.csv'), 'id,sequence\r\na,MK\r\n')
    const opened = await openFolder(folder)
    const { name, records } = openTable(join(folder, 'x.csv'))
    assert.deepEqual((await all(opened.predict(records, { name }))).map(({ id, line }) => [id, line]), [['a', 2]])
    await opened.release()
    await assert.rejects(all(openTable(join(folder, 'no.csv')).records), { code: 'DATA', where: 'no.csv' })
    await assert.rejects(all(openTable(folder + '/.fasta').records), { code: 'DATA' })
    rmSync(join(folder, 'vocabulary.txt'))
    symlinkSync('/etc/hostname', join(folder, 'vocabulary.txt'))
    await assert.rejects(openFolder(folder), { code: 'BUNDLE_FILE', where: 'vocabulary.txt' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('whatever stands in a graph, reading it ends with names or a GraphFault', () => {
  const start = files.get('random-esm2-tiny.onnx').slice(0, 4000)
  const change = fc.tuple(fc.nat(3999), fc.integer({ min: 0, max: 255 }))
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
    const graph = start.slice()
    for (const [at, byte] of changes) graph[at] = byte
    for (const read of [externalFiles, ports]) {
      try {
        read(graph)
      } catch (error) {
        assert.ok(error instanceof GraphFault, error)
      }
    }
  }), { numRuns: 300 })
})
