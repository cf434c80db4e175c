// Section 3 of the specification: bytes in, values out, FormatError for the first fault met. One pass checks the bytes and
// notes where each name and value begins; a value is made when it is asked for. So a laborious file costs a few bytes a value.
import { FormatError, printable } from './errors.js'

/** @typedef {null | boolean | string | JsonNumber | any[] | JsonObject} JsonValue */

/** A number that remembers how it was written: `1` is an integer, `1.0` is not. */
export class JsonNumber {
  /** @param {string} token */
  constructor(token) {
    this.value = Number(token)
    this.isInteger = !/[.eE]/.test(token)
  }
}

export class JsonObject {
  /**
   * @param {(name: string) => any} get undefined where there is no such member
   * @param {(visit: (name: string, read: () => any) => void) => void} forEach
   *   in the order of the file; a plain object would reorder names such as "10"
   * @param {(name: string) => number} lengthOf of an array that is a member; its values would be garbage, thousands of them
   */
  constructor(get, forEach, lengthOf) {
    this.get = get
    this.forEach = forEach
    this.lengthOf = lengthOf
  }
}

const MAXIMUM_DEPTH = 16
const MAXIMUM_VALUES = 32768
const MAXIMUM_NUMBER_LENGTH = 64

const SCALAR = /^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/

const QUOTE = 0x22
const BACKSLASH = 0x5c

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

// With it nobody can choose names that meet in one slot.
const [SEED] = crypto.getRandomValues(new Int32Array(1))

/**
 * @param {Uint8Array<ArrayBuffer>} bytes kept, and read again whenever a value is asked for
 * @returns {JsonValue}
 */
export function parseJson(bytes) {
  checkEncoding(bytes)
  return new Tape(bytes).read(0)
}

/**
 * T1. What is not UTF-8 is replaced while decoding, and a byte order mark left out: both differ when encoded again.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
function checkEncoding(bytes) {
  const text = new TextDecoder().decode(bytes)
  if (bytes[0] !== 0xef && !text.includes('\ufffd')) return
  // A character cut off by the end of the file is one of three bytes here.
  const again = new Uint8Array(bytes.length + 2)
  const { written } = new TextEncoder().encodeInto(text, again)
  const length = Math.max(written, bytes.length)
  let fault = 0
  while (fault < length && again[fault] === bytes[fault]) fault++
  if (fault < length) throw new FormatError('JSON_ENCODING', `config@${fault}`, `byte ${bytes[fault]}`, 'UTF-8 without a byte order mark')
}

/** Where names and values begin. Each is an entry, in the order of the file. */
class Tape {
  #bytes
  #position = 0
  #values = 0
  #entries = 0
  #starts
  // Of a value, the entry behind all that is in it; of a name, its object.
  #next
  // The entries of names, each at the slot of its hash or the next free one. At most half are taken.
  #slots

  /** @param {Uint8Array<ArrayBuffer>} bytes kept, and read again whenever a value is asked for */
  constructor(bytes) {
    const most = Math.min(2 * MAXIMUM_VALUES, bytes.length + 1)
    this.#bytes = bytes
    this.#starts = new Int32Array(most)
    this.#next = new Uint16Array(most)
    this.#slots = new Uint16Array(most)
    this.#value(1)
    this.#peek()
    if (this.#position < bytes.length) this.#fail('JSON_SYNTAX', 'the end of the file')
  }

  /**
   * @param {import('./errors.js').ErrorCode} code
   * @param {string} expected
   * @returns {never}
   */
  #fail(code, expected) {
    const found = printable(this.#text(this.#position, this.#position + 40))
    throw new FormatError(code, `config@${this.#position}`, found || 'the end of the file', expected)
  }

  /**
   * @param {number} start
   * @param {number} [end]
   */
  #text(start, end = this.#position) {
    return utf8.decode(this.#bytes.subarray(start, end))
  }

  /** The character at hand, where it is ASCII; at the end of the file U+0000, which belongs nowhere. */
  #character() {
    return String.fromCharCode(this.#bytes[this.#position])
  }

  /** The character at hand behind white space. */
  #peek() {
    for (;; this.#position++) {
      const byte = this.#bytes[this.#position]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return this.#character()
    }
  }

  /**
   * Steps over white space, and over a character if it is behind it.
   * @param {string} character
   */
  #takes(character) {
    const isThere = this.#peek() === character
    if (isThere) this.#position++
    return isThere
  }

  #note() {
    this.#starts[this.#entries] = this.#position
    return this.#entries++
  }

  /**
   * Checks and notes a value.
   * @param {number} depth of this value, should it be an object or an array
   */
  #value(depth) {
    const first = this.#peek()
    if (!/[{["\-0-9tfn]/.test(first)) this.#fail('JSON_SYNTAX', 'a JSON value')
    if (++this.#values > MAXIMUM_VALUES) this.#fail('JSON_LIMIT', `at most ${MAXIMUM_VALUES} values`)
    const entry = this.#note()
    if (first === '"') this.#string()
    else if (first !== '{' && first !== '[') this.#scalar()
    else {
      if (depth > MAXIMUM_DEPTH) this.#fail('JSON_LIMIT', `at most ${MAXIMUM_DEPTH} levels`)
      this.#position++
      this.#items(depth, entry, first === '{')
    }
    this.#next[entry] = this.#entries
  }

  /**
   * The members of an object or the values of an array.
   * @param {number} depth
   * @param {number} owner
   * @param {boolean} isObject
   */
  #items(depth, owner, isObject) {
    const bracket = isObject ? '}' : ']'
    if (this.#takes(bracket)) return
    do {
      if (isObject) this.#name(owner)
      this.#value(depth + 1)
    } while (this.#takes(','))
    if (!this.#takes(bracket)) this.#fail('JSON_SYNTAX', `"," or "${bracket}"`)
  }

  /**
   * Checks and notes the name of a member.
   * @param {number} owner
   */
  #name(owner) {
    if (this.#peek() !== '"') this.#fail('JSON_SYNTAX', 'a name in quotes')
    const entry = this.#note()
    this.#next[entry] = owner
    const name = this.#string(true)
    const end = this.#position
    const isTaken = this.#find(name, owner, entry)
    this.#position = isTaken ? this.#starts[entry] : end
    if (isTaken) this.#fail('JSON_DUPLICATE_NAME', 'distinct names')
    if (!this.#takes(':')) this.#fail('JSON_SYNTAX', '":"')
  }

  /**
   * The entry of a name in an object, or 0; then the entry given is noted for it.
   * @param {string} name
   * @param {number} owner
   * @param {number} [given]
   */
  #find(name, owner, given = 0) {
    let hash = SEED ^ owner
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name.charCodeAt(i), 0x5bd1e995)
      hash ^= hash >>> 15
    }
    for (let slot = hash >>> 0; ; slot++) {
      slot %= this.#slots.length
      const entry = this.#slots[slot]
      if (entry === 0) {
        this.#slots[slot] = given
        return 0
      }
      if (this.#next[entry] === owner && this.read(entry) === name) return entry
    }
  }

  /**
   * The value or the name of an entry.
   * @param {number} entry
   * @returns {any}
   */
  read(entry) {
    this.#position = this.#starts[entry]
    const first = this.#peek()
    if (first === '"') return this.#string(true)
    if (first === '{') return this.#object(entry)
    if (first !== '[') return this.#scalar()
    const items = []
    for (let item = entry + 1; item < this.#next[entry]; item = this.#next[item]) items.push(this.read(item))
    return items
  }

  /** @param {number} entry */
  #object(entry) {
    return new JsonObject((name) => {
      const found = this.#find(name, entry)
      return found ? this.read(found + 1) : undefined
    }, (visit) => {
      for (let name = entry + 1; name < this.#next[entry]; name = this.#next[name + 1]) {
        visit(this.read(name), () => this.read(name + 1))
      }
    }, (name) => {
      const array = this.#find(name, entry) + 1
      let length = 0
      for (let item = array + 1; item < this.#next[array]; item = this.#next[item]) length++
      return length
    })
  }

  /** A number, or true, false or null. */
  #scalar() {
    const start = this.#position
    const characters = /[tfn]/.test(this.#character()) ? 'aeflnrstu' : '+-.0123456789Ee'
    while (characters.includes(this.#character())) this.#position++
    const token = this.#text(start)
    const isScalar = SCALAR.test(token)
    if (isScalar && token >= 'a') return JSON.parse(token)
    const number = new JsonNumber(token)
    const isRight = number.isInteger ? Number.isSafeInteger(number.value) && token !== '-0' : Number.isFinite(number.value)
    if (isScalar && isRight && token.length <= MAXIMUM_NUMBER_LENGTH) return number
    this.#position = start
    if (!isScalar) this.#fail('JSON_SYNTAX', 'a JSON value')
    this.#fail('JSON_NUMBER', `at most ${MAXIMUM_NUMBER_LENGTH} bytes, finite; an integer within 2^53 - 1 of 0, not -0`)
  }

  /** @param {boolean} [isWanted] */
  #string(isWanted) {
    const start = ++this.#position
    let hasEscapes = false
    let byte
    while ((byte = this.#bytes[this.#position]) >= 0x20 && byte !== QUOTE) {
      if (byte === BACKSLASH) {
        hasEscapes = true
        this.#escape()
      } else this.#position++
    }
    if (byte !== QUOTE) this.#fail('JSON_SYNTAX', 'a character of a string')
    const content = isWanted ? this.#text(start) : ''
    this.#position++
    // JSON.parse only replaces escapes here: that they are right, and what ends the string, is settled.
    return hasEscapes && isWanted ? JSON.parse(`"${content}"`) : content
  }

  /** Steps over an escape. */
  #escape() {
    const unit = this.#codeUnit(this.#position)
    const isHigh = unit >> 10 === 0x36
    const isHalf = unit >> 11 === 0x1b && !(isHigh && this.#codeUnit(this.#position + 6) >> 10 === 0x37)
    if (isHalf) this.#fail('JSON_SURROGATE', 'a surrogate pair')
    if (unit >= 0) this.#position += isHigh ? 12 : 6
    else {
      this.#position++
      if (!'"\\/bfnrt'.includes(this.#character())) this.#fail('JSON_SYNTAX', 'an escape')
      this.#position++
    }
  }

  /**
   * Of an escape such as \u00e9; NaN where there is none.
   * @param {number} at
   */
  #codeUnit(at) {
    if (this.#bytes[at] !== BACKSLASH || this.#bytes[at + 1] !== 0x75) return NaN
    let unit = 0
    for (let i = at + 2; i < at + 6; i++) unit = 16 * unit + parseInt(String.fromCharCode(this.#bytes[i]), 16)
    return unit
  }
}
