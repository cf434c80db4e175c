// bundle.json: rules B2 to B5 of the bundle's specification. Bytes in, checked members out.
import { checkpointName, toPlain, versionText } from '../config.js'
import { FormatError, isFormatError, printable } from '../errors.js'
import { anyString, fieldError, hexadecimal, integer, list, matching, nullable, object, oneOf, present } from '../fields.js'
import { JsonObject, parseJson } from '../json.js'
import { EncodeError, messageOf } from './faults.js'

export const MANIFEST = 'bundle.json'
export const MAXIMUM_MANIFEST_SIZE = 65536

const FORMAT = 'plmhead-bundle'
const MINOR = 0
const MEBIBYTE = 2 ** 20

/** The roles in their order, and the most bytes a file of each may have. */
const ROLES = Object.freeze({
  npz: 150994944, config: MEBIBYTE, graph: 2 ** 31 - 1, external_data: 2 ** 36, vocabulary: MEBIBYTE, golden: MEBIBYTE,
})

const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/
/** What runtimes take as the name of external data. */
const EXTERNAL_NAME = /.\.(data|onnx_data)(_[0-9]+)?$/

/**
 * @typedef {object} Listed
 * @property {'npz' | 'config' | 'graph' | 'external_data' | 'vocabulary' | 'golden'} role
 * @property {string} name
 * @property {number} size bytes
 * @property {string} sha256
 */

/**
 * @typedef {object} About what the manifest says of the encoder
 * @property {string} name
 * @property {'esm1b' | 'esm1v' | 'esm2'} family
 * @property {string | null} weights_sha256
 * @property {number} dimension
 * @property {'float32' | 'float16' | 'bfloat16'} dtype
 * @property {'exact' | 'fast'} accuracy
 * @property {'int64' | 'int32'} input_type
 */

/** @typedef {{format: string, format_version: string, name: string, encoder: About, files: readonly Listed[]}} Manifest */

const checkMembers = object({
  format: anyString,
  format_version: anyString,
  name: matching('[A-Za-z0-9][A-Za-z0-9_.-]{0,63}'),
  encoder: object({
    name: checkpointName,
    family: oneOf('esm1b', 'esm1v', 'esm2'),
    weights_sha256: nullable(hexadecimal(64)),
    dimension: integer(1, 65536),
    dtype: oneOf('float32', 'float16', 'bfloat16'),
    accuracy: oneOf('exact', 'fast'),
    input_type: oneOf('int64', 'int32'),
  }),
  files: list(5, 69, object({
    role: oneOf(...Object.keys(ROLES)),
    name: anyString,
    size: integer(0, Number.MAX_SAFE_INTEGER),
    sha256: hexadecimal(64),
  })),
})

/**
 * The members of a manifest, frozen. Throws FormatError or EncodeError.
 * @param {Uint8Array} bytes
 * @returns {Manifest}
 */
export function parseManifest(bytes) {
  const root = parseFile(bytes, MANIFEST)
  if (!(root instanceof JsonObject)) throw fieldError('FIELD_TYPE', MANIFEST, root, 'an object')
  checkMembers(root, MANIFEST, { root, ignoreUnknown: minorVersion(root) > MINOR })
  const manifest = /** @type {Manifest} */ (/** @type {unknown} */ (toPlain(root)))
  checkRoles(manifest.files)
  checkNames(manifest)
  return manifest
}

/**
 * The JSON of a file of the bundle: errors are in the file's place.
 * @param {Uint8Array} bytes
 * @param {string} name
 */
export function parseFile(bytes, name) {
  try {
    // Bytes of its own: the text is read again whenever a value is asked for.
    return parseJson(new Uint8Array(bytes))
  } catch (error) {
    if (!isFormatError(error)) throw error
    throw new EncodeError(error.code, name, `${messageOf(error)} (${error.where.replace('config@', 'byte ')})`)
  }
}

/**
 * B2.
 * @param {JsonObject} root
 */
function minorVersion(root) {
  for (const name of ['format', 'format_version']) {
    const where = `${MANIFEST}/${name}`
    present(root.get(name), where)
    anyString(root.get(name), where, { root, ignoreUnknown: true })
    if (name === 'format' && root.get(name) !== FORMAT) throw fieldError('FORMAT_UNKNOWN', where, root.get(name), `"${FORMAT}"`)
  }
  const where = `${MANIFEST}/format_version`
  const stated = root.get('format_version')
  versionText(stated, where, { root, ignoreUnknown: true })
  const [major, minor] = stated.split('.').map(Number)
  if (major !== 1) throw fieldError('VERSION_UNSUPPORTED', where, stated, '1.x')
  return minor
}

/**
 * B4.
 * @param {readonly Listed[]} files
 */
function checkRoles(files) {
  const expected = ['npz', 'config', 'graph', ...Array(files.length - 5).fill('external_data'), 'vocabulary', 'golden']
  const found = files.map(({ role }) => role).join(' ')
  if (found !== expected.join(' ')) throw new FormatError('FIELD_VALUE', `${MANIFEST}/files`, found, expected.join(' '))
  files.forEach(({ role, size }, index) => {
    if (size > ROLES[role]) throw new FormatError('FIELD_VALUE', `${MANIFEST}/files/${index}/size`, size, `at most ${ROLES[role]}`)
  })
}

/**
 * B5.
 * @param {Manifest} manifest
 */
function checkNames({ name: stem, files }) {
  const taken = new Set([MANIFEST])
  files.forEach(({ role, name }, index) => {
    const due = role === 'npz' ? `${stem}.npz` : role === 'config' ? `${stem}_config.json` : name
    const lower = name.toLowerCase()
    const expected = !FILE_NAME.test(name) ? "a plain file name of letters, digits, '_', '.' and '-'"
      : taken.has(lower) ? 'a name that no other file has, whatever its case'
      : role === 'external_data' && !EXTERNAL_NAME.test(name) ? 'a name that ends in .data or .onnx_data'
      : name !== due ? `"${due}"`
      : null
    if (expected !== null) {
      throw new EncodeError('BUNDLE_NAME', `${MANIFEST}/files/${index}/name`, `found "${printable(name)}", expected ${expected}`)
    }
    taken.add(lower)
  })
}
