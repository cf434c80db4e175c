// A bundle without a runtime: rules B1 to B11 of its specification. A source of bytes in, checked contents out.
import { goldenRecords } from '../config.js'
import { FormatError, printable } from '../errors.js'
import { toPlain } from '../config.js'
import { load } from '../load.js'
import { ALPHABET } from '../sequences.js'
import { sha256 } from '../sha256.js'
import { EncodeError } from './faults.js'
import { MANIFEST, MAXIMUM_MANIFEST_SIZE, parseFile, parseManifest } from './manifest.js'
import { GraphFault, externalFiles, ports } from './onnx.js'
import { fileFault } from './sources.js'

/** @typedef {import('../head.js').Head} Head */
/** @typedef {import('./manifest.js').Manifest} Manifest */
/** @typedef {import('./manifest.js').Listed} Listed */
/** @typedef {import('./manifest.js').About} About */
/** @typedef {{embedding: readonly number[], decision: readonly number[], probability: readonly number[]}} GoldenRecord */

/**
 * @typedef {object} Contents checked, before any runtime has seen them
 * @property {Manifest} manifest
 * @property {Head} head
 * @property {{name: string, bytes: Uint8Array}} graph
 * @property {{path: string, data: Uint8Array}[]} external
 * @property {readonly GoldenRecord[]} golden
 */

/**
 * @typedef {object} OpeningStep how far the opening of a bundle is
 * @property {'read' | 'open' | 'prove'} step bytes read and hashed, the graph opened, golden sequences embedded
 * @property {number} done
 * @property {number} total
 */

const INPUTS = ['input_ids', 'attention_mask']
/** Members of an artifact's `embedding`, and those of the manifest's `encoder` that must be equal (B11). */
const SAME = Object.freeze({ family: 'family', checkpoint: 'name', weights_sha256: 'weights_sha256', dimension: 'dimension' })

/**
 * The contents of a bundle. Every byte is hashed before it is used. Throws EncodeError; FormatError for the artifact.
 * @param {import('./sources.js').Source} source
 * @param {{onProgress?: (step: OpeningStep) => unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<Contents>}
 */
export async function readContents(source, { onProgress, signal } = {}) {
  const manifest = parseManifest(await source.read(MANIFEST, MAXIMUM_MANIFEST_SIZE))
  const total = manifest.files.reduce((sum, { size }) => sum + size, 0)
  let done = 0
  /** @type {(Listed & {bytes: Uint8Array})[]} */
  const files = []
  for (const file of manifest.files) {
    signal?.throwIfAborted()
    files.push({ ...file, bytes: await readListed(source, file) })
    done += file.size
    await onProgress?.({ step: 'read', done, total })
  }
  const [npz, config, graph] = files
  const [vocabulary, golden] = files.slice(-2)
  const external = files.slice(3, -2)
  checkLocations(graph, new Set(external.map(({ name }) => name)))
  checkPorts(graph, manifest.encoder)
  checkVocabulary(vocabulary)
  const root = parseFile(golden.bytes, golden.name)
  goldenRecords(root, golden.name, { root: /** @type {any} */ (root), ignoreUnknown: false })
  const records = toPlain(/** @type {any} */ (root))
  const head = load(npz.bytes, config.bytes)
  checkContract(head, manifest.encoder)
  checkGoldenShapes(golden.name, records, head)
  return {
    manifest, head, graph, external: external.map(({ name, bytes }) => ({ path: name, data: bytes })), golden: records,
  }
}

/**
 * B6.
 * @param {import('./sources.js').Source} source
 * @param {Listed} file
 */
async function readListed(source, { name, size, sha256: expected }) {
  const bytes = await source.read(name, size)
  if (bytes.length !== size) throw fileFault(name, `${bytes.length} bytes`, `${size}, as the manifest says`)
  const found = await digestOf(bytes)
  if (found !== expected) throw new EncodeError('BUNDLE_DIGEST', name, `found SHA-256 ${found}, expected ${expected}`)
  return bytes
}

/** @param {Uint8Array} bytes */
async function digestOf(bytes) {
  // Absent on pages that came without TLS; refuses what is larger than its platform likes.
  const digest = await globalThis.crypto?.subtle?.digest('SHA-256', /** @type {Uint8Array<ArrayBuffer>} */ (bytes)).catch(() => undefined)
  if (digest === undefined) return sha256(bytes)
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * What a reader of graphs gives, its faults as errors of the bundle.
 * @template T
 * @param {string} name
 * @param {() => T} read
 * @returns {T}
 */
function graphRead(name, read) {
  try {
    return read()
  } catch (error) {
    if (error instanceof GraphFault) throw new EncodeError('BUNDLE_GRAPH', name, error.message)
    throw error
  }
}

/**
 * B7.
 * @param {{name: string, bytes: Uint8Array}} graph
 * @param {ReadonlySet<string>} listed
 */
function checkLocations({ name, bytes }, listed) {
  const surplus = graphRead(name, () => externalFiles(bytes)).find((location) => !listed.has(location))
  if (surplus === undefined) return
  const message = `found external data in "${printable(surplus)}", expected external data in listed files alone`
  throw new EncodeError('BUNDLE_GRAPH', name, message)
}

/**
 * B8.
 * @param {{name: string, bytes: Uint8Array}} graph
 * @param {About} encoder
 */
function checkPorts({ name, bytes }, { input_type: type, dimension }) {
  const { inputs, outputs } = graphRead(name, () => ports(bytes))
  const element = type === 'int32' ? 6 : 7
  const isFree = (/** @type {import('./onnx.js').Port} */ port) => port.shape.length === 2 && port.shape.every((axis) => axis === null)
  const areDue = INPUTS.every((due) => inputs.some((port) => port.name === due && port.element === element && isFree(port)))
  if (inputs.length !== 2 || !areDue) {
    throw new EncodeError('BUNDLE_GRAPH', name, `found other inputs, expected ${INPUTS.join(' and ')} of ${type} with two free axes`)
  }
  const pooled = outputs.filter((port) => port.name === 'pooled')
  const isRight = pooled.length === 1 && pooled[0].element === 1 && pooled[0].shape.length === 2
    && [null, dimension].includes(/** @type {number | null} */ (pooled[0].shape[1]))
  if (!isRight) throw new EncodeError('BUNDLE_GRAPH', name, `found other outputs, expected pooled, float32 (batch, ${dimension})`)
}

/**
 * B9.
 * @param {{name: string, bytes: Uint8Array}} vocabulary
 */
function checkVocabulary({ name, bytes }) {
  const due = new TextEncoder().encode(ALPHABET.map((token) => `${token}\n`).join(''))
  if (bytes.length === due.length && due.every((byte, i) => byte === bytes[i])) return
  throw new EncodeError('BUNDLE_VOCABULARY', name, 'found another text, expected the 33 tokens, each with a line feed')
}

/**
 * B11.
 * @param {Head} head
 * @param {About} encoder
 */
function checkContract(head, encoder) {
  const contract = head.config.embedding ?? null
  if (contract === null) {
    throw new EncodeError('ENCODER', '/embedding', 'found no embedding contract, expected one for a head with an encoder')
  }
  for (const [member, own] of Object.entries(SAME)) {
    const [wanted, found] = [contract[member], /** @type {any} */ (encoder)[own]]
    if (found === wanted || (member === 'weights_sha256' && (found === null || wanted === null))) continue
    throw new EncodeError('ENCODER', `/embedding/${member}`, `found ${own} "${found}" in the bundle's encoder, expected "${wanted}"`)
  }
}

/**
 * As G1 asks of the artifact's own.
 * @param {string} name
 * @param {readonly GoldenRecord[]} records
 * @param {Head} head
 */
function checkGoldenShapes(name, records, head) {
  const due = { embedding: Math.min(16, head.nFeaturesIn), decision: head.rows, probability: head.classes.length }
  records.forEach((record, j) => {
    for (const [member, count] of Object.entries(due)) {
      const { length } = record[/** @type {keyof typeof due} */ (member)]
      if (length !== count) throw new FormatError('FIELD_VALUE', `${name}/${j}/${member}`, `${length} values`, count)
    }
  })
}
