// Section 9 of the specification: the 128-byte NPY preamble, and the values behind it.
import { FormatError, printable } from './errors.js'

/** @typedef {import('./errors.js').ErrorCode} ErrorCode */

/**
 * @typedef {object} Preamble
 * @property {string} descr
 * @property {number[]} shape
 */

/**
 * @typedef {object} Rule what a member may be
 * @property {string} dtypes separated by spaces; `<U1..256` stands for 256 of them
 * @property {number[]} dimensions the numbers of dimensions allowed
 */

export const PREAMBLE_SIZE = 128

const PREAMBLE = /^\x93NUMPY\x01\0v\0([^]{117})\n$/
const HEADER = /^\{'descr': '([<>|=A-Za-z0-9]{1,8})', 'fortran_order': (False|True), 'shape': \((|\d{1,9},|\d{1,9}, \d{1,9})\), \} *$/

const STRING_DTYPE = /^<U([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/

const MAXIMUM_ROWS = 1024
const MAXIMUM_COLUMNS = 65536
const MAXIMUM_VALUES = 16777216

/**
 * N1 to N3.
 * @param {Uint8Array} bytes
 * @param {string} where
 * @param {{emptyAllowed?: boolean}} [options] emptyAllowed: the first of two dimensions may be 0, as in an X without rows
 * @returns {Preamble}
 */
export function readPreamble(bytes, where, { emptyAllowed = false } = {}) {
  const preamble = PREAMBLE.exec(String.fromCharCode(...bytes.subarray(0, PREAMBLE_SIZE)))
  if (preamble === null) throw new FormatError('NPY_PREAMBLE', where, 'another beginning', 'the 128-byte preamble of NPY 1.0')
  const text = preamble[1]
  const match = HEADER.exec(text)
  const sizes = match?.[3].match(/\d+/g) ?? []
  const isSize = (/** @type {string} */ size, /** @type {number} */ i) => size[0] !== '0' || (emptyAllowed && i === 0 && size === '0')
  if (match === null || !sizes.every(isSize)) {
    throw new FormatError('NPY_HEADER', where, `"${printable(text.trimEnd())}"`, 'the fixed form of numpy.save')
  }
  if (match[2] === 'True') throw new FormatError('NPY_ORDER', where, 'Fortran order', 'C order')
  return { descr: match[1], shape: sizes.map(Number) }
}

/**
 * N1 to N7 for one member.
 * @param {Uint8Array} bytes
 * @param {string} where
 * @param {Rule} rule
 */
export function checkNpy(bytes, where, rule) {
  const { descr, shape } = readPreamble(bytes, where)
  const fail = (/** @type {ErrorCode} */ code, /** @type {string} */ found, /** @type {unknown} */ expected) =>
    new FormatError(code, where, found, expected)
  if (!rule.dtypes.split(' ').includes(descr.replace(STRING_DTYPE, '<U1..256'))) throw fail('NPY_DTYPE', descr, rule.dtypes)
  if (!rule.dimensions.includes(shape.length)) {
    throw fail('ARRAY_SHAPE', `${shape.length} dimensions`, rule.dimensions.join(' or '))
  }
  const [first = 1, second = 1] = shape
  // Two factors below 10^9 can pass 2^53 only far beyond the limit, so the comparison is right although the product may round.
  if (first > MAXIMUM_ROWS || second > MAXIMUM_COLUMNS || first * second > MAXIMUM_VALUES) {
    throw fail('ARRAY_LIMIT', `shape (${shape})`, `at most (${MAXIMUM_ROWS}, ${MAXIMUM_COLUMNS}) and ${MAXIMUM_VALUES} values`)
  }
  const size = first * second * itemSize(descr)
  const found = bytes.length - PREAMBLE_SIZE
  if (found !== size) throw fail('NPY_LENGTH', `${found} bytes of data`, size)
  return new NpyArray(descr, shape, bytes.subarray(PREAMBLE_SIZE))
}

/** @param {string} descr */
export function itemSize(descr) {
  return Number(descr.slice(2)) * (descr[1] === 'U' ? 4 : 1)
}

/** A checked array: `data` has exactly the bytes that `descr` and `shape` say. */
export class NpyArray {
  /**
   * @param {string} descr
   * @param {number[]} shape
   * @param {Uint8Array} data
   */
  constructor(descr, shape, data) {
    this.descr = descr
    this.shape = shape
    this.length = data.length / itemSize(descr)
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  }

  /**
   * The values of `<f8` or `<f4`, widened unless they are more than the longest row: scoring is faster so, but a copy may
   * take little beside the file.
   * DataView, because the data may lie anywhere and a host may be big-endian.
   * @param {boolean} [mayView] whether many may be a view of the file's bytes, where these are aligned
   */
  floats(mayView) {
    const { view, length } = this
    const areMany = length > MAXIMUM_COLUMNS
    const Floats = areMany && this.descr === '<f4' ? Float32Array : Float64Array
    if (mayView && areMany && view.byteOffset % Floats.BYTES_PER_ELEMENT === 0) {
      return new Floats(/** @type {ArrayBuffer} */ (view.buffer), view.byteOffset, length)
    }
    const values = new Floats(length)
    if (this.descr === '<f8') for (let i = 0; i < length; i++) values[i] = view.getFloat64(8 * i, true)
    else for (let i = 0; i < length; i++) values[i] = view.getFloat32(4 * i, true)
    return values
  }

  /** The values of any integer type. */
  integers() {
    const size = itemSize(this.descr)
    const bits = 8 * size
    return Array.from({ length: this.length }, (_, index) => {
      let value = 0n
      for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(this.view.getUint8(size * index + i))
      return this.descr[1] === 'i' ? BigInt.asIntN(bits, value) : value
    })
  }
}
