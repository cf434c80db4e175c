// IEEE 754 binary64 with round to nearest, ties to even, in fixed point: every finite double is a whole number of units of 2^-1074.
//
// A value is { negative, units }; units is a BigInt >= 0, or INFINITE. A sum is then one exact integer addition and one rounding, with no exponents
// to align: another way than ieee.py takes, so that a mistake in one does not repeat in the other.

const UNIT = 1074n
const LIMIT = 1n << (1024n + UNIT)

export const INFINITE = LIMIT
export const ZERO = { negative: false, units: 0n }
export const ONE = whole(1n)
export const TWO = whole(2n)

export class NonFiniteError extends Error {}

/** The integer `value`, exact. */
export function whole(value) {
  return { negative: value < 0n, units: magnitude(value) << UNIT }
}

/** 2^exponent, for -1074 <= exponent <= 1023. */
export function powerOfTwo(exponent) {
  return { negative: false, units: 1n << (BigInt(exponent) + UNIT) }
}

export function magnitude(value) {
  return value < 0n ? -value : value
}

export function bitLength(value) {
  const digits = value.toString(16)
  return digits.length * 4 - (Math.clz32(parseInt(digits[0], 16)) - 28)
}

/** `value` / 2^`extra` units, rounded to a binary64. `value` may end in a sticky bit where `extra` is 2 or more. */
export function rounded(negative, value, extra) {
  if (value === 0n) return { negative, units: 0n }
  const places = BigInt(Math.max(bitLength(value) - extra - 53, 0))
  const drop = BigInt(extra) + places
  let kept = value >> drop
  if (drop > 0n) {
    const twiceRest = (value - (kept << drop)) << 1n
    const step = 1n << drop
    if (twiceRest > step || (twiceRest === step && (kept & 1n) === 1n)) kept += 1n
  }
  const units = kept << places
  return { negative, units: units < LIMIT ? units : INFINITE }
}

export function negated({ negative, units }) {
  return { negative: !negative, units }
}

export function isFinite64({ units }) {
  return units < LIMIT
}

/** Signed units. */
export function signed({ negative, units }) {
  return negative ? -units : units
}

export function less(a, b) {
  return signed(a) < signed(b)
}

function demandFinite(...values) {
  if (!values.every(isFinite64)) throw new NonFiniteError('an operand is infinite')
}

export function add(a, b) {
  demandFinite(a, b)
  const sum = signed(a) + signed(b)
  if (sum === 0n) return { negative: a.units === 0n && a.negative && b.negative, units: 0n }
  return rounded(sum < 0n, magnitude(sum), 0)
}

export function subtract(a, b) {
  return add(a, negated(b))
}

export function multiply(a, b) {
  demandFinite(a, b)
  return rounded(a.negative !== b.negative, a.units * b.units, Number(UNIT))
}

export function divide(a, b) {
  demandFinite(a, b)
  if (b.units === 0n) throw new RangeError('division by zero')
  const shifted = a.units << (UNIT + 2n)
  const quotient = shifted / b.units
  const sticky = quotient * b.units === shifted ? 0n : 1n
  return rounded(a.negative !== b.negative, (quotient << 1n) | sticky, 3)
}

/** The value of 64 bits, which may be an infinity but no NaN. */
export function fromBits(bits) {
  const negative = bits >> 63n === 1n
  const exponent = (bits >> 52n) & 0x7ffn
  const fraction = bits & 0xfffffffffffffn
  if (exponent === 0x7ffn) return { negative, units: INFINITE }
  return { negative, units: exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n) }
}

export function toBits({ negative, units }) {
  const sign = negative ? 1n << 63n : 0n
  if (units >= LIMIT) return sign | (0x7ffn << 52n)
  if (units < 1n << 52n) return sign | units
  const places = BigInt(bitLength(units) - 53)
  // The leading bit of the significand is the 1 that a normal exponent field adds.
  return sign | ((places << 52n) + (units >> places))
}

/** A binary32 pattern widened, exact. */
export function fromBits32(bits) {
  const negative = bits >>> 31 === 1
  const exponent = (bits >>> 23) & 0xff
  const fraction = BigInt(bits & 0x7fffff)
  if (exponent === 0xff) return { negative, units: INFINITE }
  const lowest = UNIT - 149n
  return { negative, units: exponent === 0 ? fraction << lowest : (fraction | (1n << 23n)) << (lowest + BigInt(exponent - 1)) }
}

export function fromHex(digits) {
  return fromBits(BigInt(`0x${digits}`))
}

export function toHex(value) {
  return toBits(value).toString(16).padStart(16, '0')
}
