// A small table-driven checker for section 6 of the specification. A check takes a value, its JSON pointer and the
// context, and throws FormatError.
import { FormatError, printable } from './errors.js'
import { JsonNumber, JsonObject } from './json.js'

/** @typedef {import('./json.js').JsonValue} JsonValue */

/**
 * @typedef {object} Context
 * @property {JsonObject} root the whole config, for rules that compare two members
 * @property {boolean} ignoreUnknown V5
 */

/** @typedef {(value: JsonValue, pointer: string, context: Context) => void} Check */
/** @typedef {Record<string, Check>} Table the members of an object, in the order of checking */

/**
 * @param {import('./errors.js').ErrorCode} code
 * @param {string} pointer
 * @param {JsonValue} found
 * @param {string} expected
 */
export function fieldError(code, pointer, found, expected) {
  return new FormatError(code, pointer, describe(found), expected)
}

/**
 * @param {JsonValue | undefined} value
 * @param {string} pointer
 */
export function present(value, pointer) {
  if (value === undefined) throw new FormatError('FIELD_MISSING', pointer, 'no such member', 'one')
}

/** @param {JsonValue} value */
function describe(value) {
  if (value instanceof JsonObject) return 'an object'
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (value instanceof JsonNumber) return `${value.value}`
  return typeof value === 'string' ? `"${printable(value)}"` : String(value)
}

/**
 * @param {string} pointer
 * @param {string} name
 */
export function childPointer(pointer, name) {
  return `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/** @type {Check} */
export const anything = () => {}

/**
 * @param {Check} check
 * @returns {Check}
 */
export function nullable(check) {
  return (value, pointer, context) => {
    if (value !== null) check(value, pointer, context)
  }
}

/**
 * The check of a member that may be missing; only for a table.
 * @param {Check} check
 * @returns {Check}
 */
export function optional(check) {
  return (value, pointer, context) => {
    if (value !== undefined) check(value, pointer, context)
  }
}

/**
 * Whether there is a value (F1), the type, then the range.
 * @param {(value: any) => boolean} hasType
 * @param {(value: any, context: Context) => boolean} accepts
 * @param {string} expected
 * @returns {Check}
 */
function typed(hasType, accepts, expected) {
  return (value, pointer, context) => {
    present(value, pointer)
    if (!hasType(value)) throw fieldError('FIELD_TYPE', pointer, value, expected)
    if (!accepts(value, context)) throw fieldError('FIELD_VALUE', pointer, value, expected)
  }
}

/**
 * @param {(text: string, context: Context) => boolean} accepts
 * @param {string} expected
 */
export function string(accepts, expected) {
  return typed((value) => typeof value === 'string', accepts, expected)
}

export const anyString = string(() => true, 'a string')

/**
 * A string that the whole expression matches.
 * @param {string} source
 */
export function matching(source) {
  const expression = RegExp(`^(?:${source})$`)
  return string((text) => expression.test(text), `a string of the form ${source}`)
}

/** @param {number} count */
export function hexadecimal(count) {
  return matching(`[0-9a-f]{${count}}`)
}

/** @param {string[]} words */
export function oneOf(...words) {
  return string((text) => words.includes(text), `"${words.join('" or "')}"`)
}

/**
 * text(1, b) of F5, less the characters of a class.
 * @param {number} maximum
 */
export function text(maximum, excluded = '') {
  const expression = RegExp(`^[^\\u0000-\\u001f\\u007f${excluded}]{1,${maximum}}$`, 'u')
  return string((value) => expression.test(value), `1 to ${maximum} characters, no control character${excluded && ', no / and no \\'}`)
}

/**
 * @param {(value: number) => boolean} accepts
 * @param {string} expected
 */
export function number(accepts, expected) {
  return typed((value) => value instanceof JsonNumber, ({ value }) => accepts(value), expected)
}

export const anyNumber = number(() => true, 'a number')
export const fraction = number((value) => value >= 0 && value <= 1, 'a number from 0 to 1')

/**
 * @param {number} low
 * @param {number} high
 */
export function integer(low, high) {
  return typed(
    (value) => value instanceof JsonNumber && value.isInteger,
    ({ value }) => value >= low && value <= high,
    `an integer from ${low} to ${high}`,
  )
}

/**
 * @param {(value: boolean) => boolean} accepts
 * @param {string} expected
 */
export function boolean(accepts, expected) {
  return typed((value) => typeof value === 'boolean', accepts, expected)
}

/**
 * @param {number} low
 * @param {number} high
 * @param {Check} check
 * @returns {Check}
 */
export function list(low, high, check) {
  const checkLength = typed(Array.isArray, ({ length }) => length >= low && length <= high, `an array of ${low} to ${high}`)
  return (value, pointer, context) => {
    checkLength(value, pointer, context)
    const items = /** @type {JsonValue[]} */ (value)
    items.forEach((item, i) => check(item, `${pointer}/${i}`, context))
  }
}

const anyObject = typed((value) => value instanceof JsonObject, () => true, 'an object')

/**
 * An object with free names (F4).
 * @param {Check} checkName
 * @param {Check} [check] of each value; without it they are not read
 * @returns {Check}
 */
export function map(checkName, check) {
  return (value, pointer, context) => {
    anyObject(value, pointer, context)
    const members = /** @type {JsonObject} */ (value)
    members.forEach((name, read) => {
      const child = childPointer(pointer, name)
      checkName(name, child, context)
      check?.(read(), child, context)
    })
  }
}

/**
 * An object with the members of a table (F1, F3).
 * @param {Table} table
 * @returns {Check}
 */
export function object(table) {
  return (value, pointer, context) => {
    anyObject(value, pointer, context)
    const members = /** @type {JsonObject} */ (value)
    for (const name in table) table[name](members.get(name), `${pointer}/${name}`, context)
    if (context.ignoreUnknown) return
    members.forEach((name) => {
      if (!Object.hasOwn(table, name)) throw new FormatError('FIELD_UNKNOWN', childPointer(pointer, name), 'an unknown member', 'none')
    })
  }
}
