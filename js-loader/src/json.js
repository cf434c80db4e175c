// Section 3 of the specification: bytes in, values out, FormatError for the first fault met. Objects become Map, which
// keeps the order of the file (a plain object would reorder names such as "10") and has no `__proto__`.
import { FormatError, printable } from './errors.js'

/** @typedef {null | boolean | string | JsonNumber | JsonValue[] | JsonObject} JsonValue */
/** @typedef {Map<string, any>} JsonObject The values are JsonValue; `any` because TypeScript has no recursive alias here. */

/** A number that remembers how it was written: `1` is an integer, `1.0` is not. */
export class JsonNumber {
  /**
   * @param {number} value
   * @param {boolean} isInteger
   */
  constructor(value, isInteger) {
    this.value = value
    this.isInteger = isInteger
  }
}

const MAXIMUM_DEPTH = 16
const MAXIMUM_VALUES = 32768
const MAXIMUM_NUMBER_LENGTH = 64

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const NUMBER_CHARACTERS = /[-+.\deE]*/y
const SPACE = /[ \n\r\t]*/y
// A part of a string. At most so many escapes at once, because an engine remembers each repetition.
const STRING_PART = /(?:[^"\\\u0000-\u001f]+|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9A-Fa-f]{4}|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}){0,1000}/y

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {JsonValue}
 */
export function parseJson(bytes) {
  const parser = new Parser(decode(bytes))
  parser.skipSpace()
  const value = parser.value(1)
  parser.skipSpace()
  if (parser.peek() !== '') parser.fail('JSON_SYNTAX', 'the end of the file')
  return value
}

/**
 * T1. What was not UTF-8 was replaced by U+FFFD while decoding, and differs when it is encoded again.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
function decode(bytes) {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  const again = text.includes('\ufffd') ? new TextEncoder().encode(text) : bytes
  const hasMark = text[0] === '\ufeff'
  const fault = hasMark ? 0 : again.findIndex((byte, i) => byte !== bytes[i])
  if (fault < 0) return text
  throw new FormatError('JSON_ENCODING', `config@${fault}`, hasMark ? 'a byte order mark' : 'other bytes', 'UTF-8 without a byte order mark')
}

class Parser {
  /** @param {string} text */
  constructor(text) {
    this.text = text
    this.position = 0
    this.count = 0
  }

  /**
   * @param {import('./errors.js').ErrorCode} code
   * @param {string} expected
   * @param {string} [found]
   * @returns {never}
   */
  fail(code, expected, found = JSON.stringify(this.peek() || 'the end of the file')) {
    const offset = new TextEncoder().encode(this.text.slice(0, this.position)).length
    throw new FormatError(code, `config@${offset}`, found, expected)
  }

  /** The character at hand, empty at the end of the file. */
  peek() {
    return this.text.charAt(this.position)
  }

  /**
   * Steps over a character if it is at hand.
   * @param {string} character
   */
  takes(character) {
    const isThere = this.peek() === character
    if (isThere) this.position++
    return isThere
  }

  skipSpace() {
    this.run(SPACE)
  }

  /**
   * @param {number} depth of this value, should it be an object or an array
   * @returns {JsonValue}
   */
  value(depth) {
    const first = this.peek()
    if (!/[{["\-0-9tfn]/.test(first)) this.fail('JSON_SYNTAX', 'a JSON value')
    if (++this.count > MAXIMUM_VALUES) this.fail('JSON_LIMIT', `at most ${MAXIMUM_VALUES} values`, 'one more')
    if (first === '"') return this.string()
    if (first === 't') return this.literal('true', true)
    if (first === 'f') return this.literal('false', false)
    if (first === 'n') return this.literal('null', null)
    if (first !== '{' && first !== '[') return this.number()
    if (depth > MAXIMUM_DEPTH) this.fail('JSON_LIMIT', `at most ${MAXIMUM_DEPTH} levels`, 'one more')
    this.position++
    return first === '{' ? this.object(depth) : this.array(depth)
  }

  /**
   * @template T
   * @param {string} word
   * @param {T} value
   */
  literal(word, value) {
    for (const letter of word) if (!this.takes(letter)) this.fail('JSON_SYNTAX', word)
    return value
  }

  /** @param {number} depth */
  object(depth) {
    /** @type {JsonObject} */
    const members = new Map()
    this.skipSpace()
    if (this.takes('}')) return members
    do {
      this.skipSpace()
      if (this.peek() !== '"') this.fail('JSON_SYNTAX', 'a name in quotes')
      const name = this.string()
      if (members.has(name)) this.fail('JSON_DUPLICATE_NAME', 'distinct names', `"${printable(name)}" again`)
      this.skipSpace()
      if (!this.takes(':')) this.fail('JSON_SYNTAX', '":"')
      this.skipSpace()
      members.set(name, this.value(depth + 1))
    } while (this.continues('}'))
    return members
  }

  /** @param {number} depth */
  array(depth) {
    /** @type {JsonValue[]} */
    const values = []
    this.skipSpace()
    if (this.takes(']')) return values
    do {
      this.skipSpace()
      values.push(this.value(depth + 1))
    } while (this.continues(']'))
    return values
  }

  /** @param {string} bracket */
  continues(bracket) {
    this.skipSpace()
    if (this.takes(',')) return true
    if (!this.takes(bracket)) this.fail('JSON_SYNTAX', `"," or "${bracket}"`)
    return false
  }

  string() {
    this.position++
    const start = this.position
    while (this.run(STRING_PART) !== '') continue
    if (this.peek() !== '"') this.failInString()
    const text = this.text.slice(start, this.position)
    this.position++
    // JSON.parse only replaces escapes here: that they are right, and what ends the string, is settled.
    return text.includes('\\') ? JSON.parse(`"${text}"`) : text
  }

  /** At the first character that does not belong to the string. */
  failInString() {
    if (!this.takes('\\')) this.fail('JSON_SYNTAX', 'a character of a string')
    const unit = /^u[0-9A-Fa-f]{4}/.exec(this.text.slice(this.position, this.position + 5))
    if (unit === null) this.fail('JSON_SYNTAX', 'an escape')
    this.fail('JSON_SURROGATE', 'a surrogate pair', `the escape \\${unit[0]} alone`)
  }

  number() {
    const start = this.position
    const token = this.run(NUMBER_CHARACTERS)
    const fail = (/** @type {'JSON_SYNTAX' | 'JSON_NUMBER'} */ code, /** @type {string} */ expected) => {
      this.position = start
      this.fail(code, expected, printable(token))
    }
    if (!NUMBER.test(token)) fail('JSON_SYNTAX', 'a number of JSON')
    if (token.length > MAXIMUM_NUMBER_LENGTH) fail('JSON_NUMBER', `at most ${MAXIMUM_NUMBER_LENGTH} bytes`)
    const value = Number(token)
    const isInteger = !/[.eE]/.test(token)
    if (isInteger && (!Number.isSafeInteger(value) || Object.is(value, -0))) {
      fail('JSON_NUMBER', 'an integer within 2^53 - 1 of 0, and not -0')
    }
    if (!Number.isFinite(value)) fail('JSON_NUMBER', 'a number that fits binary64')
    return new JsonNumber(value, isInteger)
  }

  /**
   * Takes what a sticky expression matches here, which may be nothing.
   * @param {RegExp} expression
   */
  run(expression) {
    expression.lastIndex = this.position
    const [text] = /** @type {RegExpExecArray} */ (expression.exec(this.text))
    this.position += text.length
    return text
  }
}
