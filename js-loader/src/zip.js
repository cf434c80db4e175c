// Section 8 of the specification: the one parse of the NPZ container. Nothing is decompressed or copied.
import { FormatError, printable } from './errors.js'

/** The five members in canonical order. */
export const MEMBERS = /** @type {const} */ (['coef', 'intercept', 'classes', 'n_features_in', 'n_iter'])

/** @typedef {typeof MEMBERS[number]} MemberName */
/** @typedef {Record<MemberName, Uint8Array>} Members the bytes of each .npy file */

/**
 * @typedef {object} Entry
 * @property {Uint8Array} data
 * @property {number} crc
 */

const END_SIZE = 22
const CENTRAL_SIZE = 46
const LOCAL_SIZE = 30
const ZIP64_EXTRA_SIZE = 20

/**
 * @param {Uint8Array} bytes
 * @returns {Members}
 */
export function parseZip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = readEnd(view)
  /** @type {Map<string, Entry>} */
  const entries = new Map()
  let position = 0
  let cursor = end.directory
  for (let i = 0; i < end.count; i++) {
    const central = readCentral(view, cursor, end.offset)
    if (central.localOffset !== position) throw zipError('ZIP_LAYOUT', cursor, `local header at ${central.localOffset}`, position)
    const start = checkLocal(view, central, position, end.directory)
    position = start + central.size
    if (position > end.directory) throw zipError('ZIP_LAYOUT', start, `data up to ${position}`, `at most ${end.directory}`)
    const nameStart = cursor + CENTRAL_SIZE
    // A longer name is none of the five, and its beginning is enough for the message.
    const name = String.fromCharCode(...bytes.subarray(nameStart, nameStart + Math.min(central.nameLength, 80)))
    checkName(name, entries, cursor)
    entries.set(name, { data: bytes.subarray(start, position), crc: central.crc })
    cursor = nameStart + central.nameLength
  }
  if (cursor !== end.offset) throw zipError('ZIP_CENTRAL', cursor, 'the end of the directory', end.offset)
  if (position !== end.directory) throw zipError('ZIP_LAYOUT', position, 'the end of the members', end.directory)
  return checkedMembers(entries)
}

/**
 * @param {DataView} view
 * @param {number} at
 */
function u16(view, at) {
  return view.getUint16(at, true)
}

/**
 * @param {DataView} view
 * @param {number} at
 */
function u32(view, at) {
  return view.getUint32(at, true)
}

/**
 * @param {import('./errors.js').ErrorCode} code
 * @param {number} offset
 * @param {unknown} found
 * @param {unknown} expected
 */
function zipError(code, offset, found, expected) {
  return new FormatError(code, `npz@${offset}`, found, expected)
}

/** @param {DataView} view */
function readEnd(view) {
  const offset = view.byteLength - END_SIZE
  const expected = 'a plain ZIP end record in the last 22 bytes'
  const found = (/** @type {string} */ text) => new FormatError('ZIP_END', 'npz', text, expected)
  if (offset < 0 || u32(view, offset) !== 0x06054b50) throw found('no end record')
  const count = u16(view, offset + 10)
  const directorySize = u32(view, offset + 12)
  const directory = u32(view, offset + 16)
  if (u32(view, offset + 4) !== 0) throw found('disk numbers that are not 0')
  if (u16(view, offset + 8) !== count) throw found('two entry counts')
  if (u16(view, offset + 20) !== 0) throw found('a comment')
  if (directory + directorySize !== offset) throw found('a directory that ends elsewhere')
  return { offset, count, directory }
}

/**
 * Z2.
 * @param {DataView} view
 * @param {number} at
 * @param {number} end of the directory
 */
function readCentral(view, at, end) {
  const wrong = (/** @type {string} */ found, /** @type {unknown} */ expected) => zipError('ZIP_CENTRAL', at, found, expected)
  if (at + CENTRAL_SIZE > end || u32(view, at) !== 0x02014b50) throw wrong('no central record', 'one')
  const nameLength = u16(view, at + 28)
  if (u32(view, at + 30) !== 0) throw wrong('an extra field or a comment', 'neither')
  if (at + CENTRAL_SIZE + nameLength > end) throw wrong(`a name of ${nameLength} bytes`, 'it inside the directory')
  const flags = u16(view, at + 8)
  if (flags !== 0) throw zipError('ZIP_FLAGS', at, `flags 0x${flags.toString(16)}`, '0')
  const method = u16(view, at + 10)
  if (method !== 0) throw zipError('ZIP_METHOD', at, `compression method ${method}`, '0 (stored)')
  const version = u16(view, at + 6)
  if (version !== 10 && version !== 20 && version !== 45) throw wrong(`version needed ${version}`, '10, 20 or 45')
  if (u16(view, at + 34) !== 0) throw wrong('another disk', 'disk 0')
  const size = u32(view, at + 24)
  if (u32(view, at + 20) !== size) throw wrong('two sizes', 'one')
  const attributes = u32(view, at + 38)
  const fileType = attributes >>> 28
  if (attributes & 0x10 || (fileType !== 0 && fileType !== 8)) throw wrong('another file type', 'a regular file')
  return { at, nameLength, size, crc: u32(view, at + 16), localOffset: u32(view, at + 42) }
}

/**
 * Z4.
 * @param {DataView} view
 * @param {{at: number, nameLength: number, size: number}} central
 * @param {number} at
 * @param {number} end where the directory begins
 * @returns {number} where the data begins
 */
function checkLocal(view, central, at, end) {
  const wrong = (/** @type {string} */ found, /** @type {unknown} */ expected) => zipError('ZIP_LOCAL', at, found, expected)
  if (at + LOCAL_SIZE > end || u32(view, at) !== 0x04034b50) throw wrong('no local header', 'one')
  // Version needed, flags, method, time, date and CRC-32 lie in one row in both headers.
  if (!sameBytes(view, at + 4, central.at + 6, 14)) throw wrong('fields that differ from the directory', 'equal ones')
  const nameEnd = at + LOCAL_SIZE + central.nameLength
  if (u16(view, at + 26) !== central.nameLength || nameEnd > end
    || !sameBytes(view, at + LOCAL_SIZE, central.at + CENTRAL_SIZE, central.nameLength)) {
    throw wrong('another name than in the directory', 'the same')
  }
  const compressedSize = u32(view, at + 18)
  const size = u32(view, at + 22)
  const extraLength = u16(view, at + 28)
  if (extraLength === 0 && compressedSize === central.size && size === central.size) return nameEnd
  if (compressedSize !== 0xffffffff || size !== 0xffffffff || extraLength !== ZIP64_EXTRA_SIZE
    || nameEnd + ZIP64_EXTRA_SIZE > end || !isZip64Extra(view, nameEnd, central.size)) {
    throw wrong(`sizes ${compressedSize} and ${size} with ${extraLength} extra bytes`, `${central.size}, or its zip64 form`)
  }
  return nameEnd + ZIP64_EXTRA_SIZE
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {number} size
 */
function isZip64Extra(view, at, size) {
  return u32(view, at) === 0x00100001
    && u32(view, at + 4) === size && u32(view, at + 8) === 0
    && u32(view, at + 12) === size && u32(view, at + 16) === 0
}

/**
 * @param {DataView} view
 * @param {number} first
 * @param {number} second
 * @param {number} length
 */
function sameBytes(view, first, second, length) {
  for (let i = 0; i < length; i++) if (view.getUint8(first + i) !== view.getUint8(second + i)) return false
  return true
}

/**
 * @param {string} name
 * @param {Map<string, Entry>} entries
 * @param {number} at
 */
function checkName(name, entries, at) {
  const expected = 'each of the five members once'
  if (entries.has(name)) throw zipError('ZIP_NAME', at, `${name} again`, expected)
  if (!MEMBERS.some((member) => `${member}.npy` === name)) throw zipError('ZIP_NAME', at, `"${printable(name)}"`, expected)
}

/**
 * Z8 and Z9.
 * @param {Map<string, Entry>} entries
 */
function checkedMembers(entries) {
  for (const member of MEMBERS) {
    if (!entries.has(`${member}.npy`)) throw new FormatError('ZIP_MISSING', `${member}.npy`, 'no such member', 'one')
  }
  /** @type {Record<string, Uint8Array>} */
  const members = {}
  for (const member of MEMBERS) {
    const { data, crc } = /** @type {Entry} */ (entries.get(`${member}.npy`))
    const computed = crc32(data)
    if (computed !== crc) throw new FormatError('ZIP_CRC', `${member}.npy`, `data with CRC-32 ${computed}`, crc)
    members[member] = data
  }
  return /** @type {Members} */ (members)
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0)
  return remainder
})

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = -1
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]) & 0xff]
  return ~crc >>> 0
}
