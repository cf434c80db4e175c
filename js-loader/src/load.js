// The order of checks (R3): one line for each section of the specification.
import { readArrays } from './arrays.js'
import { checkAgreement, checkConfig, toPlain } from './config.js'
import { FormatError } from './errors.js'
import { Head } from './head.js'
import { parseJson } from './json.js'
import { checkEnvironment, checkSelfTest } from './selftest.js'
import { sha256 } from './sha256.js'
import { parseZip } from './zip.js'

export const MAXIMUM_CONFIG_SIZE = 1048576
export const MAXIMUM_NPZ_SIZE = 150994944

// The assay thresholds of the training code that writes version 0.
const VERSION_0_ASSAY_THRESHOLDS = Object.freeze(
  /** @type {[string, number][]} */ ([['ELISA', 0.5], ['PSR', 0.5495]]).map((pair) => Object.freeze(pair)),
)

/** @typedef {import('./json.js').JsonObject} JsonObject */
/** @typedef {import('./arrays.js').HeadArrays} HeadArrays */
/** @typedef {ArrayBufferView | ArrayBufferLike} Bytes */

/**
 * Reads and checks one head. Throws FormatError when the pair breaks a rule, whatever the bytes are.
 * @param {Bytes} npzBytes the file NAME.npz; a view is read within its own window
 * @param {Bytes} configBytes the file NAME_config.json
 * @param {{requireVerified?: boolean}} [options] requireVerified: refuse version 0, which has no self-test
 * @returns {Head}
 */
export function load(npzBytes, configBytes, { requireVerified = false } = {}) {
  const npz = toBytes(npzBytes, 'npzBytes')
  const configView = toBytes(configBytes, 'configBytes')
  checkSize(configView, 'config', MAXIMUM_CONFIG_SIZE)
  checkSize(npz, 'npz', MAXIMUM_NPZ_SIZE)
  // A copy, because TextDecoder refuses shared memory; bounded by the size just checked.
  const config = new Uint8Array(configView)
  const { root, formatVersion } = checkConfig(parseJson(config), config)
  return formatVersion === '0' ? loadVersion0(npz, root, requireVerified) : loadVersion1(npz, root, formatVersion)
}

/**
 * @param {Uint8Array} npz
 * @param {JsonObject} root
 * @param {string} formatVersion
 */
function loadVersion1(npz, root, formatVersion) {
  checkNpzDigest(npz, root)
  const link = root.get('link')
  const arrays = readArrays(parseZip(npz), link, false)
  checkAgreement(root, arrays)
  checkEnvironment()
  const config = toPlain(root)
  checkSelfTest({ ...arrays, link }, root)
  const { decision } = config
  return new Head(arrays, {
    link,
    threshold: decision && decision.threshold,
    // From the Map, because a plain object would move names such as "10" to the front.
    assayThresholds: decision && toPlain([...root.get('decision').get('assay_thresholds')]),
    config,
    verified: true,
    formatVersion,
  })
}

/**
 * @param {Uint8Array} npz
 * @param {JsonObject} root
 * @param {boolean} requireVerified
 */
function loadVersion0(npz, root, requireVerified) {
  const arrays = readArrays(parseZip(npz), 'logistic', true)
  checkEnvironment()
  if (requireVerified) throw new FormatError('NOT_VERIFIED', '/format', 'version 0', 'a verified artifact')
  return new Head(arrays, {
    link: 'logistic',
    threshold: 0.5,
    assayThresholds: VERSION_0_ASSAY_THRESHOLDS,
    config: toPlain(root),
    verified: false,
    formatVersion: '0',
  })
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function toBytes(value, name) {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (/^\[object (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(value))) {
    return new Uint8Array(/** @type {ArrayBuffer} */ (value))
  }
  throw new TypeError(`${name}: expected an ArrayBuffer or a view of one`)
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
  if (digest !== expected) throw new FormatError('NPZ_DIGEST', '/npz_sha256', `an NPZ with SHA-256 ${digest}`, expected)
}
