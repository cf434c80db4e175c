// The only file that reads files. `plmhead/node` exports it; the functions are synchronous, as `load` is.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { endianness } from 'node:os'
import { basename } from 'node:path'
import { FormatError, isFormatError, printable } from './errors.js'
import { MAXIMUM_CONFIG_SIZE, MAXIMUM_NPZ_SIZE, loadBytes } from './load.js'
import { parseNpy } from './matrix.js'
import { PREAMBLE_SIZE } from './npy.js'
import './simd.js'

/**
 * @typedef {object} Pair
 * @property {string} name without folder and ending
 * @property {Uint8Array} npz
 * @property {Uint8Array} config
 */

/** How long a reader waits before it reads the pair again, in milliseconds. */
const PAUSES = [1, 4, 16]

/** @typedef {import('./head.js').Head} Head */

/**
 * R1 and the checks of `load`. Where the digest says that the NPZ is not the config's, both are read again, up to
 * three times: a writer may be between them.
 * @param {string} path `PATH/NAME`, `PATH/NAME.npz` or `PATH/NAME_config.json`
 * @param {{requireVerified?: boolean}} [options]
 */
export function loadFile(path, options) {
  return loadPair(path, options).head
}

/**
 * As `loadFile`, with the bytes that were judged.
 * @param {string} path
 * @param {{requireVerified?: boolean}} [options]
 * @returns {Pair & {head: Head}}
 */
export function loadPair(path, options) {
  for (let attempt = 0; ; attempt += 1) {
    const pair = readPair(path)
    try {
      return { ...pair, head: loadBytes(pair.npz, pair.config, options, endianness() === 'LE') }
    } catch (error) {
      if (!isFormatError(error, 'NPZ_DIGEST') || attempt === PAUSES.length) throw error
    }
    // Synchronous, as `load` is.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSES[attempt])
  }
}

/** @param {string} path */
export function pairPaths(path) {
  const stem = path.replace(/(\.npz|_config\.json)$/, '')
  return { name: basename(stem), npz: `${stem}.npz`, config: `${stem}_config.json` }
}

/**
 * @param {string} path
 * @returns {Pair}
 */
function readPair(path) {
  const paths = pairPaths(path)
  return { name: paths.name, ...readPairOfPaths(paths.npz, paths.config) }
}

/**
 * Each file once, the config first.
 * @param {string} npzPath
 * @param {string} configPath
 */
export function readPairOfPaths(npzPath, configPath) {
  const config = readStart(configPath, 'config', MAXIMUM_CONFIG_SIZE)
  return { config, npz: readStart(npzPath, 'npz', MAXIMUM_NPZ_SIZE) }
}

/**
 * Where to put an NPZ so that the values of its first member, the coefficients, lie at a multiple of 8. Otherwise they would
 * be copied. Behind the local header of 30 bytes come the member's name, extra field and preamble.
 * @param {number} file
 */
function shiftOf(file) {
  const header = new DataView(new ArrayBuffer(30))
  readSync(file, header, 0, 30, 0)
  return -(30 + header.getUint16(26, true) + header.getUint16(28, true) + PREAMBLE_SIZE) & 7
}

/**
 * The whole file, or one byte more than allowed: enough for `load` to refuse it with FILE_SIZE.
 * @param {string} path
 * @param {'config' | 'npz'} where
 * @param {number} maximum
 */
function readStart(path, where, maximum) {
  return readable(path, where, (file) => {
    const size = Math.min(fstatSync(file).size, maximum + 1)
    const bytes = new Uint8Array(new ArrayBuffer(size + 8), shiftOf(file), size)
    let length = 0
    for (let count = -1; count !== 0 && length < bytes.length; length += count) {
      count = readSync(file, bytes, length, bytes.length - length, length)
    }
    return bytes.subarray(0, length)
  })
}

/**
 * @template T
 * @param {string} path of a regular file
 * @param {string} where
 * @param {(file: number) => T} read
 */
function readable(path, where, read) {
  let reason = 'no regular file'
  let file
  try {
    // Opening a named pipe would wait for a writer, where the platform knows such a thing.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const named = !['.npz', '_config.json'].includes(basename(path))
    if (named && fstatSync(file).isFile()) return read(file)
  } catch (error) {
    reason = /** @type {NodeJS.ErrnoException} */ (error).code ?? String(error)
  } finally {
    if (file !== undefined) closeSync(file)
  }
  throw new FormatError('FILE_UNREADABLE', where, `${reason} at ${printable(path, 1000)}`, 'a file that can be read')
}

/**
 * X as `numpy.save` writes it.
 * @param {string} path
 * @param {number} columns
 */
export function readNpy(path, columns) {
  return parseNpy(readable(path, 'X', (file) => readFileSync(file)), columns)
}
