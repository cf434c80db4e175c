// Every error code has a text; those that a page can meet are met, with the files that cause them.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encodeCodes } from '../../src/encode/index.js'
import { errorCodes } from '../../src/index.js'
import { buildPage } from '../build.js'
import { CHROMIUM, drop, launch, openPage } from './support/browser.js'
import { CACHE, REPOSITORY, bundleFiles, npy } from './support/inputs.js'
import { serve } from './support/server.js'

const skip = CHROMIUM === undefined && 'no Chromium on this machine'
const SUITE = join(REPOSITORY, 'conformance')
const REGISTRY = new Map(JSON.parse(readFileSync(join(REPOSITORY, 'spec/v1/errors.json'), 'utf8')).errors.map((entry) => [entry.code, entry]))
const EXAMPLE = Object.fromEntries(['head.npz', 'head_config.json'].map((name) => [name, readFileSync(join(REPOSITORY, 'examples', name))]))

// What no file brings about: another machine's arithmetic; options that the page does not pass on; a runtime that breaks down.
const UNREACHABLE = ['ENVIRONMENT', 'NOT_VERIFIED', 'THRESHOLD', 'ASSAY_TYPE', 'RUNTIME']

let browser
let server
let page
let seen
const met = new Set()

before(async () => {
  if (skip) return
  mkdirSync(CACHE, { recursive: true })
  await buildPage(join(CACHE, 'page-of-errors'))
  server = await serve(join(CACHE, 'page-of-errors'))
  browser = await launch()
  ;({ page, seen } = await openPage(browser, server.address))
  page.setDefaultTimeout(20000)
})

after(async () => {
  await browser?.close()
  server?.close()
})

/** The fault that the page shows after these files, which are checked against the registry. */
async function faultOf(files, part = 'model') {
  await page.evaluate((id) => document.getElementById(id).replaceChildren(), `${part}-error`)
  await drop(page, files)
  const fault = await page.waitForSelector(`#${part}-error .fault`)
  const [title, ...entries] = await fault.evaluate((shown) => [
    shown.querySelector('p').textContent, ...[...shown.querySelectorAll('dl > div')].map((entry) => [...entry.children].map((cell) => cell.textContent)),
  ])
  const code = title.split(' ')[0]
  assert.ok(REGISTRY.has(code), title)
  assert.equal(title, `${code} ${REGISTRY.get(code).summary}`)
  const { What: found, Where: where, Remedy: remedy } = Object.fromEntries(entries)
  assert.match(found, /^(found|line|cannot|the runtime) /)
  if (REGISTRY.get(code).remedy !== null) assert.equal(remedy, REGISTRY.get(code).remedy)
  met.add(code)
  return { code, where }
}

async function opens(files) {
  await drop(page, files)
  await page.waitForSelector('#model-facts:not([hidden])')
}

test('a case of the conformance suite for each code of the artifact', { skip }, async () => {
  const cases = JSON.parse(readFileSync(join(SUITE, 'manifest.json'), 'utf8')).cases.filter(({ kind }) => kind === 'reject')
  for (const { path } of cases) {
    const due = JSON.parse(readFileSync(join(SUITE, path, 'case.json'), 'utf8'))
    if (met.has(due.code) || due.prepend !== undefined || due.until !== undefined) continue
    const files = Object.fromEntries(['model.npz', 'model_config.json'].map((name) => [name, readFileSync(join(SUITE, path, name))]))
    const { code, where } = await faultOf(files)
    assert.equal(code, due.code, path)
    if (due.where !== null) assert.equal(where, due.where, path)
  }
})

test('files that are missing, too large or of another kind', { skip }, async () => {
  assert.deepEqual(await faultOf({ 'head.npz': EXAMPLE['head.npz'] }), { code: 'FILE_UNREADABLE', where: 'config' })
  assert.deepEqual(await faultOf({ 'head_config.json': Buffer.alloc(2 ** 20 + 1, 32), 'head.npz': EXAMPLE['head.npz'] }), { code: 'FILE_SIZE', where: 'config' })
  assert.deepEqual(await faultOf({ 'model.pkl': 'x' }), { code: 'DATA', where: 'model.pkl' })
  assert.deepEqual(await faultOf({ 'given.csv': 'sequence\nEVQL\n' }), { code: 'ARGUMENT', where: 'given.csv' })
  // One half after the other.
  await faultOf({ 'head_config.json': EXAMPLE['head_config.json'] })
  await opens({ 'head.npz': EXAMPLE['head.npz'] })
})

test('embeddings', { skip }, async () => {
  await opens(EXAMPLE)
  const columns = Number(/\(rows, (\d+)\)/.exec(await page.textContent('#matrix-shape'))[1])
  const of = async (values, shape) => (await faultOf({ 'X.npy': npy(values, shape) }, 'input')).code
  assert.equal(await of(new Float32Array(2 * columns + 2), [2, columns + 1]), 'INPUT_SHAPE')
  assert.equal(await of(new Int32Array(columns), [1, columns]), 'INPUT_DTYPE')
  assert.equal(await of(new Float32Array(columns), [2, columns]), 'NPY_LENGTH')
  const last = new Float32Array(5000 * columns)
  last[last.length - 1] = NaN
  assert.deepEqual(await faultOf({ 'X.npy': npy(last, [5000, columns]) }, 'input'), { code: 'INPUT_NONFINITE', where: `/4999/${columns - 1}` })
  assert.equal(await of(new Float64Array(columns).fill(1e308), [1, columns]), 'DECISION_NONFINITE')
  assert.equal((await faultOf({ 'X.npy': 'no array' }, 'input')).code, 'NPY_PREAMBLE')
  assert.equal((await faultOf({ 'given.fasta': '>a\nEVQL\n' }, 'input')).code, 'ENCODER')
})

/** A bundle whose file is changed, with the manifest's size and digest of it made right again. */
async function resealed(name, change) {
  const files = bundleFiles()
  const bytes = change(files[name])
  const manifest = JSON.parse(files['bundle.json'].toString())
  const entry = manifest.files.find((file) => file.name === name)
  entry.size = bytes.length
  entry.sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')
  return { ...files, [name]: bytes, 'bundle.json': JSON.stringify(manifest) }
}

test('bundles', { skip }, async () => {
  const good = bundleFiles()
  const graph = Object.keys(good).find((name) => name.endsWith('.onnx'))
  const without = { ...good }
  delete without[graph]
  assert.deepEqual(await faultOf(without), { code: 'BUNDLE_FILE', where: graph })
  const flipped = Buffer.from(good[graph])
  flipped[5000] ^= 1
  assert.deepEqual(await faultOf({ ...good, [graph]: flipped }), { code: 'BUNDLE_DIGEST', where: graph })
  assert.equal((await faultOf({ ...good, 'bundle.json': good['bundle.json'].toString().replace(graph, '../x.onnx') })).code, 'BUNDLE_NAME')
  assert.equal((await faultOf(await resealed('vocabulary.txt', (bytes) => Buffer.from(bytes.toString().replace('X', 'Y'))))).code, 'BUNDLE_VOCABULARY')
  assert.equal((await faultOf(await resealed(graph, (bytes) => bytes.subarray(0, 5000)))).code, 'BUNDLE_GRAPH')
  const golden = await resealed('golden.json', (bytes) => {
    const records = JSON.parse(bytes.toString())
    records[2].decision[0] += 1
    return Buffer.from(JSON.stringify(records))
  })
  assert.deepEqual(await faultOf(golden), { code: 'GOLDEN', where: '/golden/2' })
})

test('tables of sequences', { skip }, async () => {
  await opens(bundleFiles())
  for (const [name, text] of [['a.csv', 'id,text\n1,EVQL\n'], ['b.fasta', ''], ['c.csv', Buffer.from([0xff, 0xfe, 0x41])], ['d.txt', 'EVQL']]) {
    assert.deepEqual(await faultOf({ [name]: text }, 'input'), { code: 'DATA', where: name })
  }
  await drop(page, { 'mixed.fasta': `>empty\n>letter\nEVQ1\n>long\n${'A'.repeat(1023)}\n>good\nEVQL\n` })
  await page.waitForFunction(() => document.querySelector('#status').textContent.startsWith('Done'))
  await page.waitForFunction(() => document.querySelectorAll('#rows tr[data-row]').length === 4)
  const shown = await page.$$eval('#rows .bad', (cells) => cells.map((cell) => [cell.querySelector('code').textContent, cell.title]))
  assert.deepEqual(shown.map(([code]) => code), ['SEQUENCE_EMPTY', 'SEQUENCE_LETTER', 'SEQUENCE_LENGTH'])
  for (const [code, title] of shown) assert.ok(title.startsWith(`${REGISTRY.get(code).summary}: found`), title)
})

test('all codes that the page can meet were met, and nothing failed beside', { skip }, () => {
  const codes = Object.keys({ ...errorCodes, ...encodeCodes })
  assert.deepEqual(codes.filter((code) => !met.has(code)).sort(), UNREACHABLE.toSorted())
  assert.deepEqual(seen.violations, [])
  assert.deepEqual(seen.foreign, [])
  assert.deepEqual(seen.console, [])
})
