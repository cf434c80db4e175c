// Tables of sequences, a record at a time: FASTA and CSV, as the other languages read them. Bytes in, records out.
import { printable } from '../errors.js'
import { EncodeError } from './faults.js'

/** The longest line of a FASTA file, and the longest sequence text, in bytes: what is held in memory at a time. */
const MOST = 2 ** 20
const MOST_OF_A_ROW = 2 ** 24

const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE, QUOTE, COMMA] = [9, 10, 13, 32, 34, 44]
const MARK = [0xef, 0xbb, 0xbf]

/**
 * @typedef {object} TableRecord
 * @property {number} line the number of its first line, from 1
 * @property {string | null} id the first word of its header, or its cell in the column `id`, where there is one
 * @property {string | null} sequence its text as written; null where there is none
 * @property {string | null} fault why there is none
 */

/** @typedef {string | Uint8Array | Blob | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array> | ReadableStream<Uint8Array>} TableInput */

/**
 * By a file's suffix: `.fasta`, `.fa`, `.faa` or `.csv`. Throws EncodeError DATA at the file's name.
 * @param {string} name
 * @returns {'fasta' | 'csv'}
 */
export function formatOf(name) {
  const suffix = /\.([^.]*)$/.exec(name)?.[1].toLowerCase() ?? ''
  if (['fasta', 'fa', 'faa'].includes(suffix)) return 'fasta'
  if (suffix === 'csv') return 'csv'
  throw new EncodeError('DATA', name, `found the suffix "${printable(suffix)}", expected .csv, .fasta, .fa or .faa`)
}

/**
 * The records of a table, in its order. Memory holds one at a time. Throws EncodeError DATA at the name: what cannot be
 * read, is no UTF-8, or has no such column.
 * @param {TableInput} input a text, bytes, a file, or pieces of one
 * @param {object} [options]
 * @param {string} [options.name] the file's, for errors
 * @param {'fasta' | 'csv'} [options.format] by default that of the name
 * @param {string} [options.column] that of the sequences in a CSV
 * @returns {AsyncGenerator<TableRecord, void, void>}
 */
export async function* readTable(input, { name = 'table.fasta', format = formatOf(name), column = 'sequence' } = {}) {
  const reader = format === 'csv' ? new Csv(column) : new Fasta()
  try {
    for await (const bytes of withoutMark(pieces(input))) yield* reader.push(bytes)
    yield* reader.end()
  } catch (error) {
    if (error instanceof TableFault) throw new EncodeError('DATA', name, error.message)
    throw error
  }
}

/** A table that cannot be read on. */
class TableFault extends Error {}

/**
 * @param {TableInput} input
 * @returns {AsyncGenerator<Uint8Array, void, void>}
 */
async function* pieces(input) {
  const encoder = new TextEncoder()
  if (typeof input === 'string' || input instanceof Uint8Array) input = [input]
  if (input instanceof Blob) input = input.stream()
  if (input instanceof ReadableStream) return yield* streamed(input)
  for await (const piece of input) yield typeof piece === 'string' ? encoder.encode(piece) : piece
}

/**
 * Not every browser iterates over a stream.
 * @param {ReadableStream<Uint8Array>} stream
 */
async function* streamed(stream) {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } catch (error) {
    throw new TableFault(`cannot be read: ${/** @type {Error} */ (error).message}`)
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/**
 * Without a byte order mark at the start.
 * @param {AsyncIterable<Uint8Array>} chunks
 */
async function* withoutMark(chunks) {
  let start = new Uint8Array()
  let isDecided = false
  for await (const chunk of chunks) {
    if (isDecided) {
      yield chunk
      continue
    }
    start = joined(start, chunk)
    if (start.length < MARK.length) continue
    isDecided = true
    yield MARK.every((byte, i) => start[i] === byte) ? start.subarray(MARK.length) : start
  }
  if (!isDecided) yield start
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
function joined(one, other) {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}

/**
 * @param {Uint8Array} bytes
 * @param {number} line
 */
function decoded(bytes, line) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new TableFault(`line ${line} is not UTF-8`)
  }
}

/** Headers that begin with `>`, sequences below. */
class Fasta {
  #line = 0
  #rest = new Uint8Array()
  /** @type {{line: number, id: string} | null} of the record that has begun */
  #header = null
  /** @type {string[]} */
  #text = []
  #length = 0
  /** @type {string | null} */
  #fault = null

  /** @param {{line: number, id: string}} header */
  #record(header) {
    const record = { ...header, sequence: this.#fault === null ? this.#text.join('') : null, fault: this.#fault }
    this.#text = []
    this.#length = 0
    this.#fault = null
    return record
  }

  /** @param {Uint8Array} bytes */
  * push(bytes) {
    let start = 0
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      yield* this.#take(joined(this.#rest, bytes.subarray(start, end + 1)))
      this.#rest = new Uint8Array()
      start = end + 1
    }
    this.#rest = joined(this.#rest, bytes.subarray(start))
    if (this.#rest.length > MOST) yield* this.#take(this.#rest)
  }

  * end() {
    if (this.#rest.length > 0) yield* this.#take(this.#rest)
    if (this.#header !== null) yield this.#record(this.#header)
  }

  /**
   * @param {Uint8Array} bytes a line with its end
   * @returns {Generator<TableRecord, void, void>}
   */
  * #take(bytes) {
    this.#line += 1
    if (bytes.length > MOST) throw new TableFault(`line ${this.#line} has more than ${MOST} bytes, expected at most that many`)
    const line = decoded(stripped(bytes), this.#line)
    if (line.startsWith('>')) {
      if (this.#header !== null) yield this.#record(this.#header)
      this.#header = { line: this.#line, id: /[^\p{White_Space}]+/u.exec(line.slice(1))?.[0] ?? '' }
    } else if (this.#header === null && line !== '') {
      const start = [...line].slice(0, 20).join('')
      const fault = `found ${JSON.stringify(printable(start))} before the first header, expected a line that begins with >`
      yield { line: this.#line, id: null, sequence: null, fault }
    } else if (this.#length + line.length > MOST) {
      this.#fault = `found a sequence of more than ${MOST} characters, expected at most that many`
    } else {
      this.#text.push(line)
      this.#length += line.length
    }
  }
}

/**
 * Without ASCII white space at both ends.
 * @param {Uint8Array} bytes
 */
function stripped(bytes) {
  const isSpace = (/** @type {number} */ byte) => byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN)
  let [start, end] = [0, bytes.length]
  while (start < end && isSpace(bytes[start])) start += 1
  while (end > start && isSpace(bytes[end - 1])) end -= 1
  return bytes.subarray(start, end)
}

/** Comma-separated, with one line of column names. A quote inside a bare cell is text; blank lines are left out. */
class Csv {
  #column
  /** @type {{sequence: number, id: number, count: number} | null} */
  #columns = null
  /** @type {'record' | 'cell' | 'bare' | 'quoted' | 'quote'} where the next byte is: the last two are in a quoted cell and behind a quote there */
  #state = 'record'
  #line = 1
  #first = 1
  /** @type {string[]} */
  #cells = []
  #bytes = new Uint8Array(1024)
  #length = 0
  #size = 0

  /** @param {string} column */
  constructor(column) {
    this.#column = column
  }

  /** @param {Uint8Array} bytes */
  * push(bytes) {
    for (const byte of bytes) {
      const isEnd = byte === LINE_FEED || byte === CARRIAGE_RETURN
      if (this.#state === 'record' && !isEnd) this.#begin()
      if (this.#state === 'quoted') {
        if (byte === QUOTE) this.#state = 'quote'
        else this.#keep(byte)
      } else if (this.#state === 'cell' && byte === QUOTE) this.#state = 'quoted'
      else if (this.#state === 'quote' && byte === QUOTE) {
        this.#state = 'quoted'
        this.#keep(byte)
      } else if (byte === COMMA) this.#endCell()
      else if (isEnd) {
        if (this.#state !== 'record') yield* this.#endRow()
      } else {
        this.#state = 'bare'
        this.#keep(byte)
      }
      if (byte === LINE_FEED) this.#line += 1
    }
  }

  * end() {
    if (this.#state !== 'record') yield* this.#endRow()
    if (this.#columns === null) this.#readNames([])
  }

  #begin() {
    this.#state = 'cell'
    this.#first = this.#line
    this.#size = 0
  }

  /** @param {number} byte */
  #keep(byte) {
    this.#size += 1
    if (this.#size > MOST_OF_A_ROW) throw new TableFault(`line ${this.#first} has more than ${MOST_OF_A_ROW} bytes, expected at most that many`)
    if (this.#length === this.#bytes.length) this.#bytes = joined(this.#bytes, new Uint8Array(this.#length))
    this.#bytes[this.#length] = byte
    this.#length += 1
  }

  #endCell() {
    this.#cells.push(decoded(this.#bytes.subarray(0, this.#length), this.#first))
    this.#length = 0
    this.#state = 'cell'
  }

  /** @returns {Generator<TableRecord, void, void>} */
  * #endRow() {
    this.#endCell()
    this.#state = 'record'
    const cells = this.#cells
    this.#cells = []
    if (this.#columns === null) return this.#readNames(cells)
    const { sequence, id, count } = this.#columns
    const isWhole = cells.length === count
    yield {
      line: this.#first,
      id: isWhole && id >= 0 ? cells[id] : null,
      sequence: isWhole ? cells[sequence] : null,
      fault: isWhole ? null : `found ${cells.length} cells, expected ${count}`,
    }
  }

  /** @param {string[]} cells */
  #readNames(cells) {
    const names = cells.map((name) => name.trim())
    const twice = names.find((name, index) => name !== '' && names.indexOf(name) < index)
    if (twice !== undefined) throw new TableFault(`found the column "${printable(twice)}" more than once, expected distinct names`)
    const sequence = names.indexOf(this.#column)
    if (sequence < 0) {
      throw new TableFault(`found the columns ${names.map((name) => printable(name)).join(', ')}, expected a column "${printable(this.#column)}"`)
    }
    this.#columns = { sequence, id: names.indexOf('id'), count: names.length }
  }
}
