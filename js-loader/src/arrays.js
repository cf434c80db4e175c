// Sections 9 and 10 of the specification: five members in, the numbers and labels of a head out.
import { FormatError, printable } from './errors.js'
import { checkNpy } from './npy.js'
import { firstNonFinite } from './score.js'
import { MEMBERS } from './zip.js'

/** @typedef {number | bigint | boolean | string} Label */
/** @typedef {'int' | 'float' | 'bool' | 'string'} LabelType */
/** @typedef {import('./zip.js').MemberName} MemberName */
/** @typedef {import('./npy.js').NpyArray} NpyArray */
/** @typedef {Record<MemberName, NpyArray>} Arrays */

/**
 * @typedef {object} HeadArrays
 * @property {Float32Array | Float64Array} coef Float32Array only where the file has many of them
 * @property {Float64Array} intercept
 * @property {number} rows
 * @property {number} nFeaturesIn
 * @property {'logistic' | 'softmax'} link
 * @property {Label[]} classes
 * @property {LabelType} labelType
 * @property {(number | bigint)[]} nIter
 */

const FLOATS = '<f8 <f4'
const STRINGS = '<U1..256'
const INTEGERS = '<i8 <i4 <i2 |i1 <u8 <u4 <u2 |u1'

/** @type {Record<MemberName, import('./npy.js').Rule>} */
const RULES = {
  coef: { dtypes: FLOATS, dimensions: [2] },
  intercept: { dtypes: FLOATS, dimensions: [1] },
  classes: { dtypes: `<i8 <f8 |b1 ${STRINGS}`, dimensions: [1] },
  n_features_in: { dtypes: '<i8', dimensions: [1] },
  n_iter: { dtypes: '<i4 <i8', dimensions: [1] },
}

/** @type {Record<MemberName, import('./npy.js').Rule>} */
const VERSION_0_RULES = {
  coef: RULES.coef,
  intercept: { dtypes: FLOATS, dimensions: [0, 1] },
  classes: { dtypes: `${INTEGERS} <f8 |b1 ${STRINGS}`, dimensions: [1] },
  n_features_in: { dtypes: INTEGERS, dimensions: [1] },
  n_iter: { dtypes: INTEGERS, dimensions: [1] },
}

/**
 * @param {import('./zip.js').Members} members
 * @param {'logistic' | 'softmax' | undefined} given of version 1; version 0 has none
 * @param {boolean | undefined} mayView whether coef may be a view of the members
 * @returns {HeadArrays}
 */
export function readArrays(members, given, mayView) {
  const rules = given ? RULES : VERSION_0_RULES
  const link = given ?? 'logistic'
  /** @type {Partial<Arrays>} */
  const checked = {}
  for (const name of MEMBERS) checked[name] = checkNpy(members[name], `${name}.npy`, rules[name])
  const arrays = /** @type {Arrays} */ (checked)
  checkShapes(arrays, link)
  const coef = finite(arrays.coef, 'coef.npy', mayView)
  const intercept = /** @type {Float64Array} */ (finite(arrays.intercept, 'intercept.npy'))
  if (arrays.classes.descr === '<f8') finite(arrays.classes, 'classes.npy')
  const { classes, labelType } = readLabels(arrays.classes)
  const [rows, nFeaturesIn] = arrays.coef.shape
  return { coef, intercept, rows, nFeaturesIn, link, classes, labelType, nIter: readCounters(arrays, nFeaturesIn) }
}

/**
 * A1.
 * @param {Arrays} arrays
 * @param {'logistic' | 'softmax'} link
 */
function checkShapes(arrays, link) {
  const [rows] = arrays.coef.shape
  const check = (/** @type {MemberName} */ name, /** @type {boolean} */ isRight, /** @type {string} */ expected) => {
    if (isRight) return
    throw new FormatError('ARRAY_SHAPE', `${name}.npy`, `shape (${arrays[name].shape})`, expected)
  }
  const { intercept, classes, n_features_in, n_iter } = arrays
  check('coef', link === 'logistic' ? rows === 1 : rows >= 3, '1 row for logistic, 3 or more for softmax')
  // A scalar has length 1 too; the rules of the dimensions have admitted it for version 0 only.
  check('intercept', intercept.length === rows, `(${rows},)`)
  const count = link === 'logistic' ? 2 : rows
  check('classes', classes.length === count, `(${count},)`)
  check('n_features_in', n_features_in.length === 1, '(1,)')
  check('n_iter', n_iter.length === 1 || n_iter.length === rows, `(1,) or (${rows},)`)
}

/**
 * A2.
 * @param {NpyArray} array
 * @param {string} where
 * @param {boolean} [mayView]
 */
function finite(array, where, mayView) {
  const values = array.floats(mayView)
  const index = firstNonFinite(values)
  if (index < 0) return values
  throw new FormatError('ARRAY_NONFINITE', where, `${values[index]} at index ${index}`, 'finite numbers')
}

/** @type {Record<string, [LabelType, (array: NpyArray) => Label[]]>} */
const LABEL_READERS = {
  i: ['int', integerLabels],
  u: ['int', integerLabels],
  f: ['float', floatLabels],
  b: ['bool', booleanLabels],
  U: ['string', stringLabels],
}

/**
 * A3: the labels.
 * @param {NpyArray} array
 */
function readLabels(array) {
  const [labelType, read] = LABEL_READERS[array.descr[1]]
  const classes = read(array)
  const seen = new Set()
  const again = classes.find((label) => seen.size === seen.add(label).size)
  if (again === undefined) return { classes, labelType }
  throw new FormatError('LABEL_DUPLICATE', 'classes.npy', `${printable(String(again))} twice`, 'distinct labels')
}

/**
 * @param {unknown} found
 * @param {string} expected
 */
function labelError(found, expected) {
  return new FormatError('LABEL_VALUE', 'classes.npy', found, expected)
}

/** @param {NpyArray} array */
function floatLabels(array) {
  return Array.from(array.floats(), (value) => {
    if (Number.isInteger(value) && Math.abs(value) <= 2 ** 53 && !Object.is(value, -0)) return value
    throw labelError(Object.is(value, -0) ? '-0' : value, 'an integer within 2^53 of 0')
  })
}

/** @param {NpyArray} array */
function booleanLabels(array) {
  return Array.from({ length: array.length }, (_, i) => {
    const byte = array.view.getUint8(i)
    if (byte > 1) throw labelError(`byte ${byte}`, '0 or 1')
    return byte === 1
  })
}

/** @param {NpyArray} array */
function integerLabels(array) {
  const labels = array.integers()
  for (const label of labels) if (label > 0x7fffffffffffffffn) throw labelError(label, 'at most 2^63 - 1')
  return numbersWhenSafe(labels)
}

/** @param {NpyArray} array */
function stringLabels(array) {
  const width = Number(array.descr.slice(2))
  // One for all: an array of code points for each label would take more memory than the file.
  const utf16 = new DataView(new ArrayBuffer(4 * width))
  const decoder = new TextDecoder('utf-16le', { ignoreBOM: true })
  const fault = (/** @type {string} */ point) => labelError(`code point ${point}`, 'a Unicode scalar value but U+0000')
  return Array.from({ length: array.length }, (_, index) => {
    let length = 0
    for (let i = 0; i < width; i++) {
      const point = array.view.getUint32(4 * (index * width + i), true)
      if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw fault(`0x${point.toString(16)}`)
      const isPair = point > 0xffff
      utf16.setUint32(length, isPair ? (0xd7c0 + (point >> 10)) | (0xdc00 | (point & 0x3ff)) << 16 : point, true)
      length += isPair ? 4 : 2
    }
    const text = decoder.decode(new Uint8Array(utf16.buffer, 0, length)).replace(/\0+$/, '')
    if (text.includes('\0')) throw fault('0')
    return text
  })
}

/**
 * A3: the counters.
 * @param {Arrays} arrays
 * @param {number} columns
 */
function readCounters({ n_features_in, n_iter }, columns) {
  const [features] = n_features_in.integers()
  if (features !== BigInt(columns)) {
    throw new FormatError('ARRAY_VALUE', 'n_features_in.npy', features, `the ${columns} columns of coef`)
  }
  const iterations = n_iter.integers()
  const negative = iterations.find((count) => count < 0n)
  if (negative === undefined) return numbersWhenSafe(iterations)
  throw new FormatError('ARRAY_VALUE', 'n_iter.npy', negative, 'no negative number')
}

/**
 * Numbers when each is a safe integer, otherwise every one a BigInt: never a mixture.
 * @param {bigint[]} values
 * @returns {(number | bigint)[]}
 */
function numbersWhenSafe(values) {
  const numbers = values.map(Number)
  return numbers.every(Number.isSafeInteger) ? numbers : values
}
