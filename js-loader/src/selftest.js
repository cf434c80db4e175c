// Section 12 of the specification: does this process compute as the format needs, and does this loader score as the
// writer did?
import { FormatError } from './errors.js'
import { JsonNumber, JsonObject } from './json.js'
import { bitsOf, plainDecisions, probabilities } from './score.js'
import { sha256 } from './sha256.js'

/** @typedef {import('./score.js').Coefficients} Coefficients */

// In a typed array, so that an engine computes with them when checkEnvironment runs and not when it compiles.
const OPERANDS = Float64Array.of(
  1, 0.5, 2.2250738585072014e-308, Number.MIN_VALUE, Number.EPSILON, Number.EPSILON / 2, Number.EPSILON * 0.75,
)

/** E1. */
export function checkEnvironment() {
  const [one, half, smallestNormal, smallest, ulp, halfUlp, threeQuarters] = OPERANDS
  const keepsSubnormals = smallestNormal * half !== 0 && smallest * one !== 0
  const roundsToNearestEven = one + halfUlp === one && one + threeQuarters === one + ulp
    && -one - halfUlp === -one && (one + ulp) + halfUlp === one + (ulp + ulp)
  if (keepsSubnormals && roundsToNearestEven) return
  throw new FormatError('ENVIRONMENT', 'npz', 'other arithmetic', 'IEEE 754 with subnormals, to nearest even')
}

// What a config binds its self-test to (E2).
const BOUND = ['format_version', 'min_reader', 'link', 'decision', 'embedding', 'golden', 'npz_sha256']

/**
 * E2: the digest of values as lines. They are never one text: it could take more memory than the file.
 * @param {unknown[]} values
 * @param {number} configSize a number of one digit and a comma become 17 bytes; other lines never grow so much
 */
function digestOf(values, configSize) {
  const bytes = new Uint8Array(9 * configSize)
  const encoder = new TextEncoder()
  let length = 0
  const write = (/** @type {any} */ value) => {
    if (Array.isArray(value)) value.forEach(write)
    else if (value instanceof JsonObject) value.forEach((/** @type {string} */ name, /** @type {() => any} */ read) => write([name, read()]))
    else length += encoder.encodeInto(`${value instanceof JsonNumber ? bitsOf(value.value) : value}\n`, bytes.subarray(length)).written
  }
  write(values)
  return sha256(bytes.subarray(0, length))
}

/**
 * E2 and E3.
 * @param {Coefficients} model
 * @param {JsonObject} root
 * @param {number} configSize bytes
 */
export function checkSelfTest(model, root, configSize) {
  const digest = digestOf(BOUND.map((name) => root.get(name)), configSize)
  const x = new Float64Array(model.nFeaturesIn)
  root.get('self_test').forEach((/** @type {JsonObject} */ record, /** @type {number} */ j) => {
    const seed = j + parseInt(digest.slice(8 * j, 8 * j + 8), 16)
    for (let i = 0; i < x.length; i++) x[i] = pseudorandom(8 * i + seed) * (1 << j)
    const z = plainDecisions(model, x)
    compare(z, record.get('decision'), `/self_test/${j}/decision`)
    compare(probabilities(model, z), record.get('probability'), `/self_test/${j}/probability`)
  })
}

/**
 * @param {number} m
 * @returns {number} from -1 to below 1, a multiple of 2^-31
 */
function pseudorandom(m) {
  return ((Math.imul(m, 2654435761) >>> 0) - 2147483648) / 2147483648
}

/**
 * @param {Float64Array} values
 * @param {string[]} expected
 * @param {string} pointer
 */
function compare(values, expected, pointer) {
  values.forEach((value, i) => {
    if (Number.isFinite(value) && bitsOf(value) === expected[i]) return
    throw new FormatError('SELF_TEST', pointer, `bits ${bitsOf(value)} at index ${i}`, expected[i])
  })
}
