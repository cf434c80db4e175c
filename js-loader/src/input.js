// P1 of the specification: X as one row-major typed array, or InputError.
import { InputError } from './errors.js'
import { firstNonFinite } from './score.js'

/** @typedef {Float32Array | Float64Array | ArrayLike<number>[]} Matrix */

/**
 * All of P1 but `checkFinite`.
 * @param {unknown} X
 * @param {number} columns
 * @returns {Float32Array | Float64Array}
 */
export function readInput(X, columns) {
  const values = isFloatArray(X) ? X : fromRows(X, columns)
  if (values.length % columns !== 0) throw shapeError(`${values.length} numbers`, `a multiple of ${columns}`)
  return values
}

/**
 * @param {Float32Array | Float64Array} values
 * @param {number} columns
 */
export function checkFinite(values, columns) {
  const index = firstNonFinite(values)
  if (index < 0) return
  const where = `/${Math.floor(index / columns)}/${index % columns}`
  throw new InputError('INPUT_NONFINITE', where, values[index], 'a finite number')
}

/**
 * By name, because an array from another realm (a frame, a vm context) is no instance of this realm's class.
 * @param {unknown} value
 * @returns {value is Float32Array | Float64Array}
 */
function isFloatArray(value) {
  return ArrayBuffer.isView(value) && /^Float(32|64)Array$/.test(tagOf(value))
}

/**
 * @param {unknown} X
 * @param {number} columns
 */
function fromRows(X, columns) {
  if (!Array.isArray(X)) throw dtypeError(X)
  if (X.some((row) => typeof row === 'number')) throw shapeError('one dimension', `rows of ${columns}`)
  for (const row of X) {
    if (!isFloatArray(row) && !Array.isArray(row)) throw dtypeError(row)
    for (const value of row) if (typeof value !== 'number') throw dtypeError(value)
  }
  X.forEach((row, i) => {
    if (row.length !== columns) throw shapeError(`row ${i} with ${row.length} numbers`, columns)
  })
  const values = new Float64Array(X.length * columns)
  X.forEach((row, i) => values.set(row, i * columns))
  return values
}

/**
 * Such as Array or Float32Array.
 * @param {unknown} value
 */
export function tagOf(value) {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** @param {unknown} found */
function dtypeError(found) {
  return new InputError('INPUT_DTYPE', 'X', tagOf(found), 'Float32Array, Float64Array or an array of rows')
}

/**
 * @param {string} found
 * @param {unknown} expected
 */
export function shapeError(found, expected) {
  return new InputError('INPUT_SHAPE', 'X', found, expected)
}
