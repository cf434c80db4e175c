// Section 13 of the specification, on one page. Every operation below is one IEEE 754 binary64 operation, in the order
// written. Math.exp and Math.pow are not used: their bits differ between engines.

/**
 * @typedef {object} Coefficients
 * @property {Float32Array | Float64Array} coef rows * nFeaturesIn values, row-major; widened while scoring, which is exact
 * @property {Float64Array} intercept
 * @property {number} rows
 * @property {number} nFeaturesIn
 * @property {'logistic' | 'softmax'} link
 */

const scratch = new DataView(new ArrayBuffer(8))

/**
 * The 64 bits of a number as 16 hexadecimal digits.
 * @param {number} value
 */
export function bitsOf(value) {
  scratch.setFloat64(0, value)
  return scratch.getBigUint64(0).toString(16).padStart(16, '0')
}

/** @param {string} bits */
export function fromBits(bits) {
  scratch.setBigUint64(0, BigInt('0x' + bits))
  return scratch.getFloat64(0)
}

/**
 * The index of the first value that is NaN or infinite, or -1. A loop, because findIndex with a callback costs more than scoring.
 * @param {Float32Array | Float64Array} values
 */
export function firstNonFinite(values) {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}

/**
 * P2 for each row of X and each row of coef.
 * @param {Coefficients} model
 * @param {Float32Array | Float64Array} x
 */
export function plainDecisions({ coef, intercept, rows, nFeaturesIn }, x) {
  const inputs = x.length / nFeaturesIn
  const z = new Float64Array(inputs * rows)
  for (let i = 0; i < inputs; i++) {
    for (let row = 0; row < rows; row++) {
      z[i * rows + row] = dot(x, i * nFeaturesIn, coef, row * nFeaturesIn, nFeaturesIn) + intercept[row]
    }
  }
  return z
}

/** What scores: plainDecisions, or what gives the same bits sooner. */
export let decisions = plainDecisions

/** @param {typeof plainDecisions} kernel */
export function useKernel(kernel) {
  decisions = kernel
}

/**
 * Eight lanes, added as a tree.
 * @param {Float32Array | Float64Array} x
 * @param {number} xStart
 * @param {Float32Array | Float64Array} w
 * @param {number} wStart
 * @param {number} n
 */
function dot(x, xStart, w, wStart, n) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0
  let a = xStart
  let b = wStart
  for (const end = xStart + n - (n % 8); a < end; a += 8, b += 8) {
    s0 += x[a] * w[b]
    s1 += x[a + 1] * w[b + 1]
    s2 += x[a + 2] * w[b + 2]
    s3 += x[a + 3] * w[b + 3]
    s4 += x[a + 4] * w[b + 4]
    s5 += x[a + 5] * w[b + 5]
    s6 += x[a + 6] * w[b + 6]
    s7 += x[a + 7] * w[b + 7]
  }
  const s = [s0, s1, s2, s3, s4, s5, s6, s7]
  for (let lane = 0; lane < n % 8; lane++) s[lane] += x[a + lane] * w[b + lane]
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

/**
 * P4 and P5: k probabilities for each row of decisions.
 * @param {Coefficients} model
 * @param {Float64Array} z
 */
export function probabilities({ link, rows }, z) {
  if (link === 'logistic') return logistic(z)
  const p = new Float64Array(z.length)
  for (let start = 0; start < z.length; start += rows) softmax(z, p, start, start + rows)
  return p
}

/** @param {Float64Array} z */
function logistic(z) {
  const p = new Float64Array(2 * z.length)
  for (let i = 0; i < z.length; i++) {
    const p1 = 1 / (1 + exp(-z[i]))
    p[2 * i] = 1 - p1
    p[2 * i + 1] = p1
  }
  return p
}

/**
 * @param {Float64Array} z
 * @param {Float64Array} p
 * @param {number} start
 * @param {number} end
 */
function softmax(z, p, start, end) {
  let largest = z[start]
  for (let i = start + 1; i < end; i++) if (z[i] > largest) largest = z[i]
  for (let i = start; i < end; i++) p[i] = exp(z[i] - largest)
  let sum = p[start]
  for (let i = start + 1; i < end; i++) sum += p[i]
  for (let i = start; i < end; i++) p[i] /= sum
}

/**
 * P6: the class index of each row.
 * @param {Coefficients} model
 * @param {Float64Array} z
 * @param {Float64Array} p
 * @param {number | null} threshold null for softmax
 */
export function classIndices({ rows }, z, p, threshold) {
  return Array.from({ length: z.length / rows }, (_, i) => {
    if (threshold === null) return firstLargest(z, i * rows, rows)
    // scikit-learn's rule is z > 0, and a z of 1e-17 has a p1 of 0.5.
    return Number(threshold === 0.5 ? z[i] > 0 : p[2 * i + 1] > threshold)
  })
}

/**
 * @param {Float64Array} z
 * @param {number} start
 * @param {number} count
 */
function firstLargest(z, start, count) {
  let best = 0
  for (let c = 1; c < count; c++) if (z[start + c] > z[start + best]) best = c
  return best
}

const OVERFLOW = fromBits('40862e42fefa39ef')
const UNDERFLOW = fromBits('c0874910d52d3051')
const LN2HI = fromBits('3fe62e42fee00000')
const LN2LO = fromBits('3dea39ef35793c76')
const INVLN2 = fromBits('3ff71547652b82fe')
const P1 = fromBits('3fc555555555553e')
const P2 = fromBits('bf66c16c16bebd93')
const P3 = fromBits('3f11566aaf25de2c')
const P4 = fromBits('bebbbd41c5d26bf1')
const P5 = fromBits('3e66376972bea4d0')

// The specification compares the high 32 bits of |x|. Magnitudes are ordered as their bits are, so these limits, with the
// low 32 bits zero, decide the same.
const TINY = fromBits('3e30000000000000')
const NO_REDUCTION = fromBits('3fd62e4300000000')
const ONE_LN2 = fromBits('3ff0a2b200000000')

/**
 * The exp of the specification, steps 1 to 8.
 * @param {number} x finite, or -Infinity (where softmax meets decisions that are far apart)
 */
export function exp(x) {
  if (x > OVERFLOW) return Infinity
  if (x < UNDERFLOW) return 0
  const magnitude = x < 0 ? -x : x
  if (magnitude < TINY) return 1 + x
  let k = 0, high = x, low = 0
  if (magnitude >= NO_REDUCTION) {
    if (magnitude < ONE_LN2) k = x < 0 ? -1 : 1
    else k = Math.trunc(INVLN2 * x + (x < 0 ? -0.5 : 0.5))
    high = x - k * LN2HI
    low = k * LN2LO
  }
  const r = high - low
  const t = r * r
  const c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))))
  if (k === 0) return 1 - ((r * c) / (c - 2) - r)
  const y = 1 - ((low - (r * c) / (2 - c)) - high)
  if (k === 1024) return (y * 2) * powerOfTwo(1023)
  if (k >= -1021) return y * powerOfTwo(k)
  return (y * powerOfTwo(k + 1000)) * powerOfTwo(-1000)
}

/** @param {number} exponent -1022 to 1023 */
function powerOfTwo(exponent) {
  scratch.setUint32(0, (exponent + 1023) << 20)
  scratch.setUint32(4, 0)
  return scratch.getFloat64(0)
}
