// The arithmetic of src/score.js against the table of SPEC.md and against a naive twin.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { bitsOf, classIndices, decisions, exp, fromBits, probabilities } from '../src/score.js'
import { bits, decision, logistic, naiveExp, softmax } from './support/naive.js'

const specification = readFileSync(new URL('../../spec/v1/SPEC.md', import.meta.url), 'utf8')
const finite = fc.double({ noNaN: true, noDefaultInfinity: true })

test('exp gives the bits of the table in SPEC.md', () => {
  const table = specification.slice(specification.indexOf('| x | bits of exp(x) |'))
  const rows = [...table.matchAll(/^\| (-?[\d.]+) \| `([0-9a-f]{16})` \|$/gm)]
  assert.equal(rows.length, 4)
  for (const [, x, expected] of rows) assert.equal(bitsOf(exp(Number(x))), expected, x)
})

test('P2 gives the example of SPEC.md', () => {
  const coef = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 2 ** 53, 1, -(2 ** 53))
  const model = { coef, intercept: Float64Array.of(0.5), rows: 1, nFeaturesIn: 11, link: 'logistic' }
  assert.equal(bitsOf(decisions(model, new Float64Array(11).fill(1))[0]), '4041c00000000000')
})

test('exp at its borders', () => {
  const next = (value, step) => fromBits((BigInt(`0x${bitsOf(value)}`) + BigInt(step)).toString(16).padStart(16, '0'))
  const borders = ['40862e42fefa39ef', 'c0874910d52d3051', '3e30000000000000', '3fd62e42ffffffff', '3fd62e4300000000', '3ff0a2b200000000']
  for (const border of borders.map(fromBits)) {
    for (const x of [border, next(border, 1), next(border, -1), -border, -next(border, 1), -next(border, -1)]) {
      assert.equal(bitsOf(exp(x)), bits(naiveExp(x)), String(x))
    }
  }
  assert.equal(exp(fromBits('40862e42fefa39f0')), Infinity)
  assert.equal(exp(fromBits('c0874910d52d3052')), 0)
  assert.equal(exp(-Infinity), 0)
  assert.equal(exp(-0), 1)
})

test('exp is the naive exp, and within one unit in the last place of the engine\'s', () => {
  fc.assert(fc.property(fc.double({ min: -745, max: 709, noNaN: true }), (x) => {
    assert.equal(bitsOf(exp(x)), bits(naiveExp(x)))
    const distance = BigInt(`0x${bitsOf(exp(x))}`) - BigInt(`0x${bitsOf(Math.exp(x))}`)
    assert.ok(distance >= -2n && distance <= 2n, `${x}: ${distance}`)
  }), { numRuns: 20000 })
})

test('bits go to a number and back', () => {
  fc.assert(fc.property(finite, (value) => Object.is(fromBits(bitsOf(value)), value) && bitsOf(value) === bits(value)))
})

const model = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom(1, 3, 5)).chain(([n, rows]) => fc.record({
  n: fc.constant(n),
  rows: fc.constant(rows),
  coef: fc.array(finite, { minLength: n * rows, maxLength: n * rows }),
  intercept: fc.array(finite, { minLength: rows, maxLength: rows }),
  x: fc.array(fc.array(finite, { minLength: n, maxLength: n }), { maxLength: 5 }),
  scale: fc.constantFrom(1, 1e-150),
}))

test('decisions, probabilities and labels are those of the naive twin', () => {
  fc.assert(fc.property(model, fc.double({ min: 0, max: 1, noNaN: true }), ({ n, rows, coef, intercept, x, scale }, threshold) => {
    const link = rows === 1 ? 'logistic' : 'softmax'
    const w = coef.map((value) => value * scale)
    const parts = { coef: Float64Array.from(w), intercept: Float64Array.from(intercept), rows, nFeaturesIn: n, link }
    const z = decisions(parts, Float64Array.from(x.flat()))
    const naive = x.map((row) => intercept.map((b, r) => decision(row, w.slice(r * n, (r + 1) * n), b)))
    // The bits of a NaN are the processor's own; such a batch is refused before anyone sees them.
    assert.deepEqual(Array.from(z, Number.isFinite), naive.flat().map(Number.isFinite))
    if (!z.every(Number.isFinite)) return
    assert.deepEqual(Array.from(z, bitsOf), naive.flat().map(bits))
    const p = probabilities(parts, z)
    const naiveP = naive.map((row) => (rows === 1 ? logistic(row[0]) : softmax(row)))
    assert.deepEqual(Array.from(p, bitsOf), naiveP.flat().map(bits))
    const labels = naive.map((row, i) => {
      if (rows > 1) return row.indexOf(Math.max(...row))
      return Number(threshold === 0.5 ? row[0] > 0 : naiveP[i][1] > threshold)
    })
    assert.deepEqual(classIndices(parts, z, p, rows === 1 ? threshold : null), labels)
  }), { numRuns: 3000 })
})

test('binary32 inputs are widened, never rounded', () => {
  fc.assert(fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 30 }), (values) => {
    const n = values.length
    const parts = { coef: new Float64Array(n).fill(0.1), intercept: Float64Array.of(0.3), rows: 1, nFeaturesIn: n, link: 'logistic' }
    assert.deepEqual(decisions(parts, Float32Array.from(values)), decisions(parts, Float64Array.from(values)))
  }))
})
