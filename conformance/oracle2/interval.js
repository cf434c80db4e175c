// The fast profile's intervals, as the README states them, on rationals { n, d } of BigInts with d > 0.
//
// e^v comes from its Taylor series in fixed point; the rounding of each bound must be the same at both ends of the error that this leaves.

import { bitLength, magnitude, signed, toHex } from './binary64.js'
import { HALF_HEX } from './score.js'

const FRACTION_BITS = 448n
const FIXED_ONE = 1n << FRACTION_BITS
const HALVINGS = 12n
const KNOWN_BITS = 220n // of e^v, far fewer than the series gives
const FAR = integer(5000n)
const SUBNORMAL = integer(-708n)
const NOTHING = integer(0n)
const UNITY = integer(1n)
const TINY = { n: 1n, d: 1n << 1073n }
const EPS = { n: 1n, d: 1n << 50n }
const U = { n: 1n, d: 1n << 53n }
const HALF_STEP = { n: 1n, d: 1n << 54n }
const FAINT = { n: 1n, d: 1n << 7000n }
const LN2 = doubleArtanhOfThird()

function integer(value) {
  return { n: value, d: 1n }
}

const plus = (a, b) => ({ n: a.n * b.d + b.n * a.d, d: a.d * b.d })
const opposite = (a) => ({ n: -a.n, d: a.d })
const minus = (a, b) => plus(a, opposite(b))
const times = (a, b) => ({ n: a.n * b.n, d: a.d * b.d })
const over = (a, b) => times(a, b.n < 0n ? { n: -b.d, d: -b.n } : { n: b.d, d: b.n })
const below = (a, b) => a.n * b.d < b.n * a.d
const smaller = (a, b) => (below(b, a) ? b : a)
const larger = (a, b) => (below(a, b) ? b : a)
const absolute = (a) => ({ n: magnitude(a.n), d: a.d })

/** ln 2 = 2 artanh(1/3), in fixed point with 64 bits more than are used. */
function doubleArtanhOfThird() {
  let power = (2n << (FRACTION_BITS + 64n)) / 3n
  let sum = 0n
  for (let k = 1n; power > 0n; k += 2n) {
    sum += power / k
    power /= 9n
  }
  return sum >> 64n
}

/** [low, high] around e^v for v < 5000. */
function exponential(v) {
  if (v.n === 0n) return [UNITY, UNITY]
  if (below(v, opposite(FAR))) return [FAINT, FAINT]
  if (below(absolute(v), { n: 1n, d: 1n << 100n })) return [plus(UNITY, v), plus(plus(UNITY, v), times(v, v))]
  const fixed = (v.n << FRACTION_BITS) / v.d
  const k = fixed / LN2
  const r = (fixed - k * LN2) >> HALVINGS
  let [sum, term] = [FIXED_ONE, FIXED_ONE]
  for (let i = 1n; term !== 0n && term !== -1n; i++) {
    term = ((term * r) >> FRACTION_BITS) / i
    sum += term
  }
  for (let i = 0n; i < HALVINGS; i++) sum = (sum * sum) >> FRACTION_BITS
  const value = k >= 0n ? { n: sum << k, d: FIXED_ONE } : { n: sum, d: FIXED_ONE << -k }
  const error = { n: 1n, d: 1n << KNOWN_BITS }
  return [times(value, minus(UNITY, error)), times(value, plus(UNITY, error))]
}

/** Apply a monotone function to both ends. */
function through([a, b], f) {
  const [first, second] = [f(a), f(b)]
  return below(second, first) ? [second, first] : [first, second]
}

function sigma(v) {
  if (!below(opposite(FAR), v)) return exponential(v)
  return through(exponential(opposite(v)), (e) => over(UNITY, plus(UNITY, e)))
}

/** The binary64 next to a rational: at or above it, or at or below. */
export function outward({ n, d }, up) {
  const scaled = n << 1074n
  let units = scaled / d
  if (units * d !== scaled && n < 0n !== up) units += up ? 1n : -1n
  const places = BigInt(Math.max(bitLength(magnitude(units)) - 53, 0))
  const step = 1n << places
  const rest = ((units % step) + step) % step
  if (rest !== 0n) units += up ? step - rest : -rest
  return { negative: units < 0n, units: magnitude(units) }
}

function word(ends, up) {
  const [a, b] = ends.map((end) => toHex(outward(smaller(larger(end, NOTHING), UNITY), up)))
  if (a !== b) throw new Error('e^v is not known well enough to round a bound')
  return a
}

/** The exact z and D of a row and class; null where another order may overflow. */
function logit(row, weights, intercept) {
  const terms = row.map((value, i) => signed(value) * signed(weights[i]))
  terms.push(signed(intercept) << 1074n)
  const d = 1n << 2148n
  const sizes = terms.map(magnitude)
  const z = { n: terms.reduce((a, b) => a + b), d }
  const size = sizes.reduce((a, b) => a + b)
  const union = sizes.reduce((a, b) => a | b)
  if (union === 0n) return { z: NOTHING, reach: NOTHING }
  const lowest = BigInt(bitLength(union & -union) - 1)
  if (lowest >= 1074n && size <= 1n << (lowest + 53n) && size < 1n << (1024n + 2148n)) return { z, reach: NOTHING }
  if (size >= 1n << (1022n + 2148n)) return null
  const count = BigInt(row.length)
  const gamma = { n: count + 1n, d: (1n << 53n) - (count + 1n) }
  return { z, reach: plus(times(gamma, { n: size, d }), { n: count, d: 1n << 1074n }) }
}

function logistic({ z, reach }) {
  const [lowZ, highZ] = [minus(z, reach), plus(z, reach)]
  const shrunk = (s) => times(s, minus(UNITY, EPS))
  const grown = (s) => plus(times(s, plus(UNITY, EPS)), TINY)
  const low = below(lowZ, SUBNORMAL) ? [NOTHING, NOTHING] : through(sigma(lowZ), shrunk)
  const high = through(sigma(highZ), (s) => smaller(grown(s), UNITY))
  const pair = (a, b, choose) => [choose(a[0], b[0]), choose(a[1], b[1])]
  const low0 = pair(through(high, (p) => minus(minus(UNITY, p), HALF_STEP)), through(sigma(opposite(highZ)), shrunk), smaller)
  const high0 = pair(through(low, (p) => plus(minus(UNITY, p), HALF_STEP)), through(sigma(opposite(lowZ)), grown), larger)
  return [[word(low0, false), word(high0, true)], [word(low, false), word(high, true)]]
}

function softmax(logits) {
  const largest = logits.map(({ z }) => z).reduce(larger)
  const twice = times(integer(2n), logits.map(({ reach }) => reach).reduce(larger))
  const powers = logits.map(({ z }) => exponential(minus(z, largest)))
  const total = [0, 1].map((end) => powers.map((power) => power[end]).reduce(plus))
  const share = (v) => {
    const [a, b] = exponential(v)
    return [over(a, total[1]), over(b, total[0])]
  }
  return logits.map(({ z }) => {
    const shifted = minus(z, largest)
    const slack = plus({ n: 14n * BigInt(logits.length), d: 10n }, integer(12n))
    const error = times(plus(slack, opposite(shifted)), U)
    const [lowV, highV] = [minus(shifted, twice), plus(shifted, twice)]
    const low = below(lowV, SUBNORMAL) ? [NOTHING, NOTHING] : through(share(lowV), (p) => minus(times(p, minus(UNITY, error)), TINY))
    const high = below(highV, FAR) ? through(share(highV), (p) => plus(times(p, plus(UNITY, error)), TINY)) : [UNITY, UNITY]
    return [word(low, false), word(high, true)]
  })
}

function logisticLabels({ z, reach }, [low, high], threshold) {
  const t = toHex(threshold)
  // Words of numbers >= 0 order as their values do; a threshold of -0 is 0.
  const limit = threshold.units === 0n ? '0'.repeat(16) : t
  const positive = t === HALF_HEX ? below(NOTHING, minus(z, reach)) : low > limit
  const negative = t === HALF_HEX ? !below(NOTHING, plus(z, reach)) : high <= limit
  return positive ? [1] : negative ? [0] : [0, 1]
}

function softmaxLabels(logits) {
  const bar = logits.map(({ z, reach }) => minus(z, reach)).reduce(larger)
  const able = logits.flatMap(({ z, reach }, c) => (below(plus(z, reach), bar) ? [] : [c]))
  return able.every((c) => logits[c].reach.n === 0n) ? able.slice(0, 1) : able
}

/** `fast` of a prediction, or null. */
export function fastProfile(rows, head, threshold) {
  const out = { decision: [], probability: [], labels: [] }
  for (const row of rows) {
    const logits = head.coef.map((weights, c) => logit(row, weights, head.intercept[c]))
    if (logits.includes(null)) return null
    for (const { z, reach } of logits) out.decision.push([decisionWord(minus(z, reach), false), decisionWord(plus(z, reach), true)])
    const p = threshold === null ? softmax(logits) : logistic(logits[0])
    out.probability.push(...p)
    out.labels.push(threshold === null ? softmaxLabels(logits) : logisticLabels(logits[0], p[1], threshold))
  }
  return out
}

function decisionWord(value, up) {
  return toHex(outward(value, up))
}
