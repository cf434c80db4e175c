// The WebAssembly kernel: the plain loop's bits wherever it scores, and the plain loop where it cannot be.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { source } from '../kernel/build.js'
import { decisions, plainDecisions, useKernel } from '../src/score.js'
import { inputArray, load, simdDecisions } from '../src/simd.js'
import { makePair } from './support/pair.js'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))

/** The kernel from the first sum on, with nothing to fall back on unseen. */
function kernel(model, x) {
  let made = 0
  const { Instance } = WebAssembly
  WebAssembly.Instance = class extends Instance {
    constructor(...words) {
      super(...words)
      made += 1
    }
  }
  try {
    return simdDecisions(0)(model, x)
  } finally {
    WebAssembly.Instance = Instance
    assert.equal(made, 1)
  }
}

/** NaNs are alike: their bits are the processor's own, and such a batch is refused. */
function sameBits(found, expected) {
  assert.deepEqual([...found].map((value) => Number.isNaN(value)), [...expected].map((value) => Number.isNaN(value)))
  const bits = (values) => new BigUint64Array(Float64Array.from(values, (value) => (Number.isNaN(value) ? 0 : value)).buffer)
  assert.deepEqual(bits(found), bits(expected))
}

test('src/kernel.js is what its source becomes', async () => {
  assert.equal(readFileSync(path('../src/kernel.js'), 'utf8'), await source())
})

const special = [0, -0, Number.MIN_VALUE, -Number.MIN_VALUE, 2 ** -1022, 2 ** -149, -(2 ** -149), 1e308, -1e308, 3.4e38, Infinity, NaN]
const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: -1, max: 1 }), fc.constantFrom(...special))
const scored = fc.record({
  n: fc.integer({ min: 1, max: 70 }),
  rows: fc.constantFrom(1, 3, 5, 70),
  inputs: fc.integer({ min: 0, max: 5 }),
  X: fc.constantFrom(Float32Array, Float64Array),
  W: fc.constantFrom(Float32Array, Float64Array),
  pool: fc.array(value, { minLength: 7, maxLength: 61 }),
})

test('the kernel has the bits of the plain loop, its inputs copied or not', () => {
  fc.assert(fc.property(scored, ({ n, rows, inputs, X, W, pool }) => {
    const fill = (count, shift) => Array.from({ length: count }, (_, i) => pool[(7 * i + shift) % pool.length])
    const model = { coef: W.from(fill(n * rows, 1)), intercept: Float64Array.from(fill(rows, 2)), rows, nFeaturesIn: n, link: 'softmax' }
    const x = X.from(fill(n * (inputs + 1), 3)).subarray(n)
    const expected = plainDecisions(model, x)
    sameBits(kernel(model, x), expected)
    const own = inputArray(n * (inputs + 1), X).subarray(n)
    own.set(x)
    sameBits(simdDecisions(0)(model, own), expected)
  }), { numRuns: 400 })
})

test('blocks and tiles: more rows, classes and features than fit at once', () => {
  for (const [inputs, rows, n, X] of [[3000, 1, 3, Float32Array], [1100, 65, 9, Float64Array], [19, 17, 5001, Float32Array], [9, 10, 65536, Float64Array]]) {
    const numbers = (count) => Float64Array.from({ length: count }, (_, i) => Math.imul(i + 1, 2654435761) / 2 ** 31)
    const model = { coef: numbers(rows * n), intercept: numbers(rows), rows, nFeaturesIn: n, link: 'softmax' }
    const x = X.from(numbers(inputs * n))
    sameBits(kernel(model, x), plainDecisions(model, x))
  }
})

test('a view of the kernel\'s own areas is scored as any other', () => {
  const model = { coef: Float64Array.of(1, 2), intercept: Float64Array.of(3), rows: 1, nFeaturesIn: 2, link: 'logistic' }
  const x = new Float64Array(inputArray(8).buffer, 0, 6).fill(0.5)
  assert.deepEqual([...simdDecisions(0)(model, x)], [4.5, 4.5, 4.5])
})

test('without WebAssembly, SIMD or memory the plain loop scores', () => {
  const model = { coef: Float64Array.of(1, 2), intercept: Float64Array.of(3), rows: 1, nFeaturesIn: 2, link: 'logistic' }
  for (const name of ['Memory', 'Instance']) {
    const before = WebAssembly[name]
    let asked = 0
    WebAssembly[name] = function () {
      asked += 1
      throw new RangeError('none')
    }
    try {
      assert.deepEqual([...simdDecisions(0)(model, new Float32Array(2).fill(1))], [6])
      assert.deepEqual(inputArray(4, Float64Array), new Float64Array(4))
      assert.equal(asked, 2)
    } finally {
      WebAssembly[name] = before
    }
  }
})

test('where there is no WebAssembly at all, a head scores', () => {
  const script = `
    import { load } from ${JSON.stringify(path('../src/simd.js'))}
    import { makePair } from ${JSON.stringify(path('support/pair.js'))}
    const { npz, config } = makePair()
    const { decision } = load(npz, config).score(new Float32Array(4 * 300000))
    console.log(typeof WebAssembly, decision[299999])`
  const { stdout, stderr } = spawnSync(process.execPath, ['--jitless', '--no-expose-wasm', '--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(stdout, 'undefined 0.25\n', stderr)
})

test('a head in a worker has the bits of one here', async () => {
  const { npz, config } = makePair()
  const worker = new Worker(`
    const { parentPort, workerData: { url, npz, config } } = require('node:worker_threads')
    import(url).then(({ load }) => parentPort.postMessage(load(npz, config).decisionFunction(new Float32Array(1200000).fill(0.3))))`,
  { eval: true, workerData: { url: new URL('../src/simd.js', import.meta.url).href, npz, config } })
  const found = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  sameBits(found, load(npz, config).decisionFunction(new Float32Array(1200000).fill(0.3)))
  await worker.terminate()
})

test('an X that is not finite is named though it is looked at last', () => {
  const { npz, config } = makePair()
  const head = load(npz, config)
  const before = decisions
  try {
    for (const scores of [plainDecisions, simdDecisions(0)]) {
      useKernel(scores)
      for (const wrong of [NaN, Infinity, -Infinity]) {
        const X = new Float64Array(12)
        X[6] = wrong
        assert.throws(() => head.score(X, { threshold: 7 }), { code: 'INPUT_NONFINITE', where: '/1/2' })
      }
    }
  } finally {
    useKernel(before)
  }
})

test('the whole suite by the kernel', () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const forced = new URL('support/forced.js', import.meta.url)
  const words = ['--test-reporter=tap', path('conformance.test.js')]
  const options = { encoding: 'utf8', env: { ...env, NODE_OPTIONS: `--import=${forced}` }, maxBuffer: 1 << 26 }
  const { status, stdout } = spawnSync(process.execPath, words, options)
  assert.equal(status, 0, stdout.slice(-2000))
  assert.match(stdout, /^# fail 0$/m)
})
