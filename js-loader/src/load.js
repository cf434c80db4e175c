// The order of checks (R3): one line for each section of the specification.
import { readArrays } from './arrays.js'
import { checkAgreement, checkConfig } from './config.js'
import { FormatError } from './errors.js'
import { Head } from './head.js'
import { tagOf } from './input.js'
import { parseJson } from './json.js'
import { checkEnvironment, checkSelfTest } from './selftest.js'
import { sha256 } from './sha256.js'
import { parseZip } from './zip.js'

export const MAXIMUM_CONFIG_SIZE = 1048576
export const MAXIMUM_NPZ_SIZE = 150994944

/** @typedef {import('./json.js').JsonObject} JsonObject */
/** @typedef {ArrayBufferView | ArrayBufferLike} Bytes */

/**
 * Reads and checks one head. Throws FormatError when the pair breaks a rule, whatever the bytes are.
 * @param {Bytes} npzBytes the file NAME.npz; a view is read within its own window
 * @param {Bytes} configBytes the file NAME_config.json
 * @param {{requireVerified?: boolean}} [options] requireVerified: refuse version 0, which has no self-test
 * @returns {Head}
 */
export function load(npzBytes, configBytes, options) {
  return loadBytes(npzBytes, configBytes, options)
}

/**
 * As `load`.
 * @param {Bytes} npzBytes
 * @param {Bytes} configBytes
 * @param {{requireVerified?: boolean}} [options]
 * @param {boolean} [mayView] whether the head may keep a view of npzBytes, not a copy: nobody else writes to them, and the host is
 *   little-endian, as they are
 */
export function loadBytes(npzBytes, configBytes, { requireVerified } = {}, mayView) {
  const npz = toBytes(npzBytes, 'npzBytes')
  const configView = toBytes(configBytes, 'configBytes')
  checkSize(configView, 'config', MAXIMUM_CONFIG_SIZE)
  checkSize(npz, 'npz', MAXIMUM_NPZ_SIZE)
  // TextDecoder refuses shared memory.
  const config = mayView ? /** @type {Uint8Array<ArrayBuffer>} */ (configView) : new Uint8Array(configView)
  const { root, formatVersion } = checkConfig(parseJson(config), config)
  const isVersion1 = formatVersion !== '0'
  if (isVersion1) checkNpzDigest(npz, root)
  const model = readArrays(parseZip(npz), root.get('link'), mayView)
  if (isVersion1) checkAgreement(root, model)
  checkEnvironment()
  if (isVersion1) checkSelfTest(model, root, config.length)
  else if (requireVerified) throw new FormatError('NOT_VERIFIED', '/format', 'version 0', 'a verified artifact')
  return new Head(model, root, formatVersion)
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function toBytes(value, name) {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (/^(Shared)?ArrayBuffer$/.test(tagOf(value))) {
    return new Uint8Array(/** @type {ArrayBuffer} */ (value))
  }
  throw new TypeError(`${name}: expected an ArrayBuffer or a view`)
}

/**
 * @param {Uint8Array} bytes
 * @param {string} where
 * @param {number} maximum
 */
function checkSize(bytes, where, maximum) {
  if (bytes.length <= maximum) return
  throw new FormatError('FILE_SIZE', where, `${bytes.length} bytes`, `at most ${maximum}`)
}

/**
 * H1.
 * @param {Uint8Array} npz
 * @param {JsonObject} root
 */
function checkNpzDigest(npz, root) {
  const digest = sha256(npz)
  const expected = root.get('npz_sha256')
  if (digest !== expected) throw new FormatError('NPZ_DIGEST', '/npz_sha256', `SHA-256 ${digest}`, expected)
}
