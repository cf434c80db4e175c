// Makes valid version 1 pairs for tests, with its own arithmetic (naive.js) and Node's SHA-256.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { bits, decision, logistic, softmax } from './naive.js'

export const MEMBERS = ['coef', 'intercept', 'classes', 'n_features_in', 'n_iter']

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

/** @param {string} descr @param {string} shape such as `(1, 4)` @param {Buffer} data */
export function npy(descr, shape, data) {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117)
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00v\x00', 'latin1'), Buffer.from(`${header}\n`, 'latin1'), data])
}

export function doubles(values) {
  const bytes = Buffer.alloc(8 * values.length)
  values.forEach((value, i) => bytes.writeDoubleLE(value, 8 * i))
  return bytes
}

export function floats(values) {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i))
  return bytes
}

export function integers(values) {
  const bytes = Buffer.alloc(8 * values.length)
  values.forEach((value, i) => bytes.writeBigInt64LE(BigInt(value), 8 * i))
  return bytes
}

/** A little-endian record from pairs of value and size. */
function record(...fields) {
  const bytes = Buffer.alloc(fields.reduce((total, [, size]) => total + size, 0))
  let at = 0
  for (const [value, size] of fields) at = bytes.writeUIntLE(value, at, size)
  return bytes
}

/** @param {[string, Buffer][]} members */
export function zip(members) {
  const locals = []
  const centrals = []
  let position = 0
  for (const [name, data] of members) {
    const nameBytes = Buffer.from(name, 'latin1')
    const shared = record([20, 2], [0, 2], [0, 2], [0, 2], [0x21, 2], [checksum(data), 4], [data.length, 4], [data.length, 4],
      [nameBytes.length, 2], [0, 2])
    const local = Buffer.concat([record([0x04034b50, 4]), shared, nameBytes, data])
    centrals.push(record([0x02014b50, 4], [0x0314, 2]), shared,
      record([0, 2], [0, 2], [0, 2], [0x81800000, 4], [position, 4]), nameBytes)
    locals.push(local)
    position += local.length
  }
  const directory = Buffer.concat(centrals)
  const end = record([0x06054b50, 4], [0, 4], [members.length, 2], [members.length, 2], [directory.length, 4], [position, 4], [0, 2])
  return Buffer.concat([...locals, directory, end])
}

function checksum(data) {
  if (crc32 !== undefined) return crc32(data)
  let crc = -1
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

/** What the parts of a head are by default; `classes` is [descr, shape, data]. */
export function defaultParts() {
  return {
    coef: [[0.5, -1.25, 2, 0.1]],
    intercept: [0.25],
    classes: ['<i8', '(2,)', integers([0, 1])],
    decision: { threshold: 0.5, assay_thresholds: { ELISA: 0.5, PSR: 0.5495 } },
    config: {},
  }
}

export function softmaxParts() {
  return {
    ...defaultParts(),
    coef: [[0.5, -1.25, 2], [1, 0.5, -0.75], [-1, 0, 0.3]],
    intercept: [0.25, -0.5, 0],
    classes: ['<U3', '(3,)', utf32(['a', 'b', '\u03b2c'], 3)],
    decision: null,
  }
}

export function utf32(texts, width) {
  const bytes = Buffer.alloc(4 * width * texts.length)
  texts.forEach((text, index) => [...text].forEach((character, i) => {
    bytes.writeUInt32LE(character.codePointAt(0), 4 * (index * width + i))
  }))
  return bytes
}

export function memberFiles({ coef, intercept, classes }) {
  const rows = coef.length
  const columns = coef[0].length
  return [
    ['coef.npy', npy('<f8', `(${rows}, ${columns})`, doubles(coef.flat()))],
    ['intercept.npy', npy('<f8', `(${rows},)`, doubles(intercept))],
    ['classes.npy', npy(...classes)],
    ['n_features_in.npy', npy('<i8', '(1,)', integers([columns]))],
    ['n_iter.npy', npy('<i4', '(1,)', Buffer.from([12, 0, 0, 0]))],
  ]
}

const BOUND = ['format_version', 'min_reader', 'link', 'decision', 'embedding', 'golden', 'npz_sha256']

/** The lines of a value of a config; names must not be digits alone. */
function lines(value) {
  if (typeof value === 'number') return [bits(value)]
  if (value === null || typeof value !== 'object') return [String(value)]
  return Array.isArray(value) ? value.flatMap(lines) : Object.entries(value).flatMap(([name, inner]) => [name, ...lines(inner)])
}

function selfTest({ coef, intercept, decision: decisionMember }, members) {
  const binding = BOUND.flatMap((name) => lines(members[name] ?? null)).map((line) => `${line}\n`).join('')
  const digest = sha256(Buffer.from(binding))
  return Array.from({ length: 8 }, (_, j) => {
    const seed = BigInt(`0x${digest.slice(8 * j, 8 * j + 8)}`)
    const x = coef[0].map((_, i) =>
      ((Number(((BigInt(8 * i + j) + seed) * 2654435761n) % 2n ** 32n) - 2 ** 31) / 2 ** 31) * 2 ** j)
    const z = coef.map((w, row) => decision(x, w, intercept[row]))
    const p = decisionMember === null ? softmax(z) : logistic(z[0])
    return { decision: z.map(bits), probability: p.map(bits) }
  })
}

/** The config without its seal, as a plain object in table order. */
export function configMembers(parts, npz) {
  const members = {
    format: 'plmhead', format_version: '1.0', min_reader: '1.0', model_type: 'LogisticRegression', sklearn_version: '1.7.2',
    C: 0.5, penalty: 'l2', l1_ratio: null, solver: 'lbfgs', class_weight: null, max_iter: 1000, random_state: 42,
    esm_model: null, esm_revision: null, batch_size: null, device: null, link: parts.decision === null ? 'softmax' : 'logistic',
    decision: parts.decision, embedding: null, golden: null, self_test: [], ...parts.config, npz_sha256: sha256(npz),
  }
  if (!parts.config.self_test) members.self_test = selfTest(parts, members)
  return members
}

/** @param {Buffer} text a config up to where its seal begins */
export function seal(text) {
  return Buffer.concat([text, Buffer.from(`"config_sha256": "${sha256(text)}"\n}\n`)])
}

export function configBytes(members) {
  return seal(Buffer.from(JSON.stringify(members, null, 2).slice(0, -2) + ',\n'))
}

export function makePair(parts = defaultParts()) {
  const npz = zip(memberFiles(parts))
  return { npz, config: configBytes(configMembers(parts, npz)) }
}
