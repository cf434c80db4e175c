// The conformance protocol of conformance/README.md: one JSON object a line in, one a line out, in order.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import { isFormatError, isInputError, printable } from './errors.js'
import { shapeError } from './input.js'
import { JsonNumber, JsonObject, parseJson } from './json.js'
import { loadBytes } from './load.js'
import { readPairOfPaths } from './node.js'
import { bitsOf, fromBits } from './score.js'
import { VERSION } from './version.js'

/** @typedef {import('./head.js').Head} Head */
/** @typedef {import('./arrays.js').Label} Label */
/** @typedef {Record<string, any>} Message */

const MAXIMUM_LINE = 60000

/**
 * @param {import('node:stream').Readable} input
 * @param {import('node:stream').Writable} output
 */
export async function runTestee(input, output) {
  const session = new Session()
  for await (const line of lines(input)) {
    const answer = session.answer(line)
    if (answer === null) break
    output.write(`${answer}\n`)
  }
  // An open pipe would keep the process alive after `shutdown`.
  input.destroy()
}

/**
 * The bytes between line feeds. readline would end a line at U+2028 too, and replace what is not UTF-8.
 * @param {import('node:stream').Readable} input
 */
async function* lines(input) {
  let rest = Buffer.alloc(0)
  for await (const chunk of input) {
    rest = Buffer.concat([rest, chunk])
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      yield rest.subarray(0, end)
      rest = rest.subarray(end + 1)
    }
  }
  if (rest.length > 0) yield rest
}

class BadRequest extends Error {}

class Session {
  constructor() {
    /** @type {Map<string, Head>} */
    this.heads = new Map()
    this.count = 0
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} line
   * @returns {string | null} null after `shutdown`
   */
  answer(line) {
    const request = parseObject(line)
    const id = isCount(request?.id) ? request?.id : null
    if (id !== null && request?.op === 'shutdown') return null
    const text = JSON.stringify({ id, ...this.result(id === null ? null : request) })
    if (Buffer.byteLength(text) <= MAXIMUM_LINE) return text
    return JSON.stringify({ id, skip: true, reason: `the answer is longer than ${MAXIMUM_LINE} bytes` })
  }

  /** @param {Message | null} request */
  result(request) {
    try {
      if (request === null || typeof request.op !== 'string') throw new BadRequest('an object with an id and an op is due')
      if (request.op === 'hello') return hello(request)
      if (request.op === 'load') return this.load(request)
      if (request.op === 'describe') return { ok: true, ...describe(this.head(request)) }
      if (request.op === 'predict') return { ok: true, ...predict(this.head(request), request) }
      if (request.op === 'unload') return this.unload(request)
      return failure('P_UNKNOWN_OP', 'another op')
    } catch (error) {
      if (error instanceof BadRequest) return failure('P_BAD_REQUEST', error.message)
      if (!isFormatError(error) && !isInputError(error)) throw error
      return { ok: false, error: errorMembers(error) }
    }
  }

  /** @param {Message} request */
  load(request) {
    if (typeof request.npz !== 'string' || typeof request.config !== 'string') throw new BadRequest('npz and config are due')
    const { npz, config } = readPairOfPaths(request.npz, request.config)
    const head = loadBytes(npz, config, {}, endianness() === 'LE')
    const model = `m${++this.count}`
    this.heads.set(model, head)
    return { ok: true, model }
  }

  /** @param {Message} request */
  unload(request) {
    this.head(request)
    this.heads.delete(request.model)
    return { ok: true }
  }

  /** @param {Message} request */
  head(request) {
    const head = this.heads.get(request.model)
    if (head === undefined) throw new BadRequest('no such model')
    return head
  }
}

/**
 * The request as plain values; null for what is no object. A number with a fraction or an exponent, which no request
 * has, stays a JsonNumber and so is of another type than any that is due.
 * @param {Uint8Array<ArrayBuffer>} line
 * @returns {Message | null}
 */
function parseObject(line) {
  try {
    const value = parseJson(line)
    return value instanceof JsonObject ? plain(value) : null
  } catch (error) {
    if (isFormatError(error)) return null
    throw error
  }
}

/**
 * @param {any} value of parseJson
 * @returns {any}
 */
function plain(value) {
  if (value instanceof JsonObject) {
    /** @type {Message} */
    const members = {}
    value.forEach((name, read) => members[name] = plain(read()))
    return members
  }
  return value instanceof JsonNumber && value.isInteger ? value.value : value
}

/** @param {unknown} value */
function isCount(value) {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0
}

/**
 * @param {string} code
 * @param {string} message
 */
function failure(code, message) {
  return { ok: false, error: { code, message } }
}

/**
 * The error for JSON: its message without the code and the place, which have members of their own.
 * @param {import('./errors.js').FormatError | import('./errors.js').InputError} error
 */
export function errorMembers({ code, where, message }) {
  return { code, where, message: message.slice(`${code} (${printable(where)}): `.length) }
}

/** @param {Message} request */
function hello(request) {
  if (request.protocol !== 1) throw new BadRequest('protocol 1 is due')
  return {
    ok: true,
    protocol: 1,
    testee: { name: 'plmhead', version: VERSION, language: 'javascript' },
    format_versions: ['0', '1.0'],
    profiles: ['strict'],
  }
}

/** @param {Head} head */
export function describe(head) {
  return {
    format_version: head.formatVersion,
    verified: head.verified,
    link: head.link,
    n_features_in: head.nFeaturesIn,
    classes: head.classes.map((label) => taggedLabel(head, label)),
    n_iter: head.nIter.map(String),
    coef: { shape: [head.rows, head.nFeaturesIn], sha256: digest(head.coef) },
    intercept: { shape: [head.rows], sha256: digest(head.intercept) },
    threshold: head.threshold === null ? null : bitsOf(head.threshold),
    assay_thresholds: head.assayThresholds && head.assayThresholds.map(([name, value]) => [name, bitsOf(value)]),
  }
}

/** @param {Float64Array} values */
function digest(values) {
  const bytes = new DataView(new ArrayBuffer(8 * values.length))
  values.forEach((value, i) => bytes.setFloat64(8 * i, value, true))
  return createHash('sha256').update(bytes).digest('hex')
}

/**
 * @param {Head} head
 * @param {Message} request
 */
export function predict(head, { x, threshold, assay_type: assayType }) {
  if (threshold !== null && (typeof threshold !== 'string' || !/^[0-9a-f]{16}$/.test(threshold))) {
    throw new BadRequest('threshold is due in 16 hexadecimal digits in lower case, or null')
  }
  if (assayType !== null && typeof assayType !== 'string') throw new BadRequest('assay_type is due as a string or null')
  const X = readRows(x, head.nFeaturesIn)
  const scores = head.score(X, { threshold: threshold === null ? null : fromBits(threshold), assayType })
  return {
    decision: Array.from(scores.decision, bitsOf),
    probability: Array.from(scores.probability, bitsOf),
    labels: scores.labels.map((label) => taggedLabel(head, label)),
  }
}

/**
 * @param {Message | undefined} x
 * @param {number} columns
 */
function readRows(x, columns) {
  if (typeof x?.path !== 'string' || !isCount(x.rows) || !isCount(x.cols)) throw new BadRequest('x is due with path, rows and cols')
  if (x.dtype !== 'f4' && x.dtype !== 'f8') throw new BadRequest('dtype f4 or f8 is due')
  const bytes = readBytes(x.path, x.rows * x.cols * (x.dtype === 'f4' ? 4 : 8))
  if (x.cols !== columns) throw shapeError(`${x.cols} columns`, columns)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (x.dtype === 'f4') return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true))
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true))
}

/**
 * A regular file of that size. Asked before it is read, and before a named pipe is opened.
 * @param {string} path
 * @param {number} size
 */
function readBytes(path, size) {
  try {
    const status = statSync(path)
    const bytes = status.isFile() && status.size === size ? readFileSync(path) : null
    if (bytes?.length === size) return bytes
  } catch {
    throw new BadRequest('x is due as a file that can be read')
  }
  throw new BadRequest(`x is due as a file of ${size} bytes`)
}

/**
 * @param {Head} head
 * @param {Label} label
 */
function taggedLabel(head, label) {
  if (head.labelType === 'float') return { t: 'float', v: bitsOf(Number(label)) }
  return { t: head.labelType === 'string' ? 'str' : head.labelType, v: String(label) }
}
