// Sections 12 and 13 of the specification, written from its text.

import {
  ONE, TWO, ZERO, NonFiniteError, add, divide, fromHex, isFinite64, less, multiply, negated, powerOfTwo, rounded, subtract, toBits, toHex, whole
} from './binary64.js'

const OVERFLOW = fromHex('40862e42fefa39ef')
const UNDERFLOW = fromHex('c0874910d52d3051')
const LN2HI = fromHex('3fe62e42fee00000')
const LN2LO = fromHex('3dea39ef35793c76')
const INVLN2 = fromHex('3ff71547652b82fe')
const HALF = fromHex('3fe0000000000000')
const POLYNOMIAL = ['3fc555555555553e', 'bf66c16c16bebd93', '3f11566aaf25de2c', 'bebbbd41c5d26bf1', '3e66376972bea4d0'].map(fromHex)
const INFINITY = fromHex('7ff0000000000000')
export const HALF_HEX = toHex(HALF)

/** P2 and P3. */
export function decision(row, weights, intercept) {
  const lane = Array(8).fill(ZERO)
  row.forEach((value, i) => {
    lane[i % 8] = add(lane[i % 8], multiply(value, weights[i]))
  })
  const even = add(add(lane[0], lane[4]), add(lane[2], lane[6]))
  const odd = add(add(lane[1], lane[5]), add(lane[3], lane[7]))
  const z = add(add(even, odd), intercept)
  if (!isFinite64(z)) throw new NonFiniteError('the decision overflows')
  return z
}

/** The numbered steps of "exp". */
export function exp(x) {
  if (less(OVERFLOW, x)) return INFINITY
  if (less(x, UNDERFLOW)) return ZERO
  const h = Number((toBits(x) >> 32n) & 0x7fffffffn)
  if (h < 0x3e300000) return add(ONE, x)
  let [k, hi, lo] = [0n, x, ZERO]
  if (h > 0x3fd62e42) {
    k = h < 0x3ff0a2b2 ? (x.negative ? -1n : 1n) : truncated(add(multiply(INVLN2, x), { ...HALF, negative: x.negative }))
    hi = subtract(x, multiply(whole(k), LN2HI))
    lo = multiply(whole(k), LN2LO)
  }
  const r = subtract(hi, lo)
  const t = multiply(r, r)
  const [p1, p2, p3, p4, p5] = POLYNOMIAL
  const tail = add(p2, multiply(t, add(p3, multiply(t, add(p4, multiply(t, p5))))))
  const c = subtract(r, multiply(t, add(p1, multiply(t, tail))))
  const rc = multiply(r, c)
  if (k === 0n) return subtract(ONE, subtract(divide(rc, subtract(c, TWO)), r))
  return scaled(subtract(ONE, subtract(subtract(lo, divide(rc, subtract(TWO, c))), hi)), Number(k))
}

function truncated({ negative, units }) {
  const integer = units >> 1074n
  return negative ? -integer : integer
}

function scaled(y, k) {
  if (k === 1024) return multiply(multiply(y, TWO), powerOfTwo(1023))
  if (k >= -1021) return multiply(y, powerOfTwo(k))
  return multiply(multiply(y, powerOfTwo(k + 1000)), powerOfTwo(-1000))
}

/** P4: p0 and p1. */
export function logistic(z) {
  const e = exp(negated(z))
  const p1 = isFinite64(e) ? divide(ONE, add(ONE, e)) : ZERO
  return [subtract(ONE, p1), p1]
}

/** P5. */
export function softmax(decisions) {
  const largest = decisions.reduce((a, b) => (less(a, b) ? b : a))
  const terms = decisions.map((z) => exp(subtract(z, largest)))
  const total = terms.slice(1).reduce(add, terms[0])
  return terms.map((term) => divide(term, total))
}

/** One row, P2 to P6. `threshold` is the one in force; softmax has none, null. */
export function score(row, head, threshold) {
  const decisions = head.coef.map((weights, c) => decision(row, weights, head.intercept[c]))
  if (threshold === null) {
    const label = decisions.reduce((best, z, c) => (less(decisions[best], z) ? c : best), 0)
    return { decisions, probabilities: softmax(decisions), label }
  }
  const probabilities = logistic(decisions[0])
  const positive = toHex(threshold) === HALF_HEX ? less(ZERO, decisions[0]) : less(threshold, probabilities[1])
  return { decisions, probabilities, label: positive ? 1 : 0 }
}

/** E3: the input of self-test j. */
export function selfTestRow(j, n, seed) {
  return Array.from({ length: n }, (_, i) => {
    const numerator = ((8n * BigInt(i) + BigInt(j) + BigInt(seed)) * 2654435761n) % (1n << 32n) - (1n << 31n)
    const units = (numerator < 0n ? -numerator : numerator) << BigInt(1074 - 31 + j)
    return rounded(numerator < 0n, units, 0)
  })
}
