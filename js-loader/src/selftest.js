// Section 12 of the specification: does this process compute as the format needs, and does this loader score as the
// writer did?
import { FormatError } from './errors.js'
import { JsonNumber } from './json.js'
import { bitsOf, decisions, fromBits, probabilities } from './score.js'
import { sha256 } from './sha256.js'

/** @typedef {import('./json.js').JsonObject} JsonObject */
/** @typedef {import('./score.js').Coefficients} Coefficients */

// In a typed array, so that an engine computes with them when checkEnvironment runs and not when it compiles.
const OPERANDS = Float64Array.of(
  1, 0.5, fromBits('0010000000000000'), fromBits('0000000000000001'),
  fromBits('3cb0000000000000'), fromBits('3ca0000000000000'), fromBits('3ca8000000000000'),
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
 * E2: a value as lines. An object comes as its Map, which keeps the order of the file.
 * @param {unknown} value
 * @returns {string}
 */
function lines(value) {
  if (value instanceof Map) return lines([...value].flat())
  if (Array.isArray(value)) return value.map(lines).join('')
  return `${value instanceof JsonNumber ? bitsOf(value.value) : value}\n`
}

/**
 * E2 and E3.
 * @param {Coefficients} model
 * @param {JsonObject} root
 */
export function checkSelfTest(model, root) {
  const digest = sha256(new TextEncoder().encode(lines(BOUND.map((name) => root.get(name)))))
  const x = new Float64Array(model.nFeaturesIn)
  root.get('self_test').forEach((/** @type {JsonObject} */ record, /** @type {number} */ j) => {
    const seed = j + parseInt(digest.slice(8 * j, 8 * j + 8), 16)
    for (let i = 0; i < x.length; i++) x[i] = pseudorandom(8 * i + seed) * (1 << j)
    const z = decisions(model, x)
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
