// Sections 4, 5, 6 and 11 of the specification, and the config of version 0.
import { FormatError } from './errors.js'
import {
  anyNumber, anyString, anything, boolean, childPointer, fieldError, fraction, hexadecimal, integer, list, map, matching,
  nullable, number, object, oneOf, optional, present, string, text,
} from './fields.js'
import { JsonNumber, JsonObject } from './json.js'
import { sha256 } from './sha256.js'

/** @typedef {import('./json.js').JsonValue} JsonValue */
/** @typedef {import('./fields.js').Check} Check */
/** @typedef {import('./fields.js').Context} Context */
/** @typedef {import('./fields.js').Table} Table */
/** @typedef {import('./arrays.js').HeadArrays} HeadArrays */

/** 10000 * major + minor of the format version that this package implements: 1.0. */
const READER_VERSION = 10000

const MAXIMUM_INT32 = 2147483647
const MAXIMUM_CLASSES = 1024
const NAME = '[a-z][a-z0-9_]{0,31}'
const SEGMENT = '[A-Za-z0-9_-]+(?:\\.[A-Za-z0-9_-]+)*'

export const checkpointName = matching(`(?!.{193})${SEGMENT}(?:/${SEGMENT})?`)
const revisionName = nullable(matching(`(?!.{193})${SEGMENT}(?:/${SEGMENT})*`))
const positive = number((value) => value > 0, 'a number above 0')
export const versionText = matching('(0|[1-9][0-9]{0,3})\\.(0|[1-9][0-9]{0,3})')
const metricName = matching(NAME)
const metricValue = nullable(anyNumber)
const balanced = oneOf('balanced')
const weights = map(anything, number((value) => value >= 0, 'a number of at least 0'))

/** @type {Check} */
const classWeight = (value, pointer, context) => {
  if (typeof value === 'string') balanced(value, pointer, context)
  else if (value !== null) weights(value, pointer, context)
}

/** @type {Check} */
const l1Ratio = (value, pointer, context) => {
  if (value !== null) fraction(value, pointer, context)
  else if (context.root.get('penalty') === 'elasticnet') throw fieldError('FIELD_VALUE', pointer, value, 'a number with penalty "elasticnet"')
}

const decisionMembers = nullable(object({
  threshold: fraction,
  assay_thresholds: map(text(64), fraction),
}))

/** @type {Check} */
const decision = (value, pointer, context) => {
  const isSoftmax = context.root.get('link') === 'softmax'
  if (isSoftmax ? value instanceof JsonObject : value === null) {
    throw fieldError('FIELD_VALUE', pointer, value, isSoftmax ? 'null for softmax' : 'an object')
  }
  decisionMembers(value, pointer, context)
}

const embeddingMembers = object({
  origin: oneOf('plmhead', 'declared', 'version-0'),
  family: oneOf('esm1b', 'esm1v', 'esm2'),
  checkpoint: string((value, { root }) => value === root.get('esm_model'), 'the same as esm_model'),
  revision: revisionName,
  weights_sha256: nullable(hexadecimal(64)),
  dimension: integer(1, 65536),
  layer: oneOf('last'),
  pooling: oneOf('mean'),
  accumulate: oneOf('float32'),
  l2_normalized: boolean((value) => !value, 'false'),
  alphabet: oneOf('esm1b-33'),
  max_residues: integer(1022, 1022),
  too_long: oneOf('error', 'truncate'),
  dtype: oneOf('float32', 'float16', 'bfloat16'),
  accuracy: oneOf('exact', 'fast'),
})

/** @type {Check} */
const embedding = (value, pointer, context) => {
  const { root } = context
  if (value !== null) {
    if (value instanceof JsonObject && root.get('esm_model') === null) throw fieldError('FIELD_VALUE', '/esm_model', null, 'a string beside an embedding')
    return embeddingMembers(value, pointer, context)
  }
  for (const name of ['esm_model', 'esm_revision', 'batch_size', 'device']) {
    if (root.get(name) !== null) throw fieldError('FIELD_VALUE', `/${name}`, root.get(name), 'null without an embedding')
  }
}

export const goldenRecords = list(6, 6, object({
  embedding: list(1, 16, anyNumber),
  decision: list(1, MAXIMUM_CLASSES, anyNumber),
  probability: list(2, MAXIMUM_CLASSES, fraction),
}))

/** @type {Check} */
const golden = (value, pointer, context) => {
  if (value === null) return
  if (Array.isArray(value) && context.root.get('embedding') === null) {
    throw fieldError('FIELD_VALUE', pointer, value, 'null without an embedding')
  }
  goldenRecords(value, pointer, context)
}

const selfTest = list(8, 8, object({
  decision: list(1, MAXIMUM_CLASSES, hexadecimal(16)),
  probability: list(2, MAXIMUM_CLASSES, hexadecimal(16)),
}))

const metrics = object({
  train: optional(map(metricName, metricValue)),
  cross_validation: optional(object({
    folds: integer(2, 1000000),
    stratified: boolean(() => true, 'true or false'),
    scores: map(metricName, object({ mean: metricValue, std: metricValue })),
  })),
})

const training = object({
  date: optional(matching('[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z')),
  dataset: optional(text(256, '/\\\\')),
  dataset_sha256: optional(hexadecimal(64)),
  rows: optional(integer(1, Number.MAX_SAFE_INTEGER)),
  rows_by_class: optional(list(1, MAXIMUM_CLASSES, integer(0, Number.MAX_SAFE_INTEGER))),
  assay_type: optional(text(64, '/\\\\')),
  fragment_type: optional(text(64, '/\\\\')),
  folded: optional(list(0, 2, oneOf('standard_scaler', 'two_class_multinomial'))),
})

// `anything`: sections 4 and 5 have checked the member.
/** @type {Table} */
const ROOT = {
  format: anything,
  format_version: anything,
  min_reader: anything,
  model_type: oneOf('LogisticRegression'),
  sklearn_version: nullable(matching('[0-9A-Za-z][0-9A-Za-z.+-]{0,63}')),
  C: positive,
  penalty: nullable(oneOf('l1', 'l2', 'elasticnet')),
  l1_ratio: l1Ratio,
  solver: matching('[a-z][a-z-]{0,63}'),
  class_weight: classWeight,
  max_iter: integer(0, MAXIMUM_INT32),
  random_state: nullable(integer(0, 4294967295)),
  esm_model: nullable(checkpointName),
  esm_revision: revisionName,
  batch_size: nullable(integer(1, MAXIMUM_INT32)),
  device: nullable(matching('[a-z]{1,16}(?::[0-9]{1,3})?')),
  link: oneOf('logistic', 'softmax'),
  decision: decision,
  embedding: embedding,
  golden: golden,
  self_test: selfTest,
  metrics: optional(metrics),
  training: optional(training),
  extensions: optional(map(matching('[a-z][a-z0-9-]*(?:\\.[a-z0-9][a-z0-9-]*)+'))),
  npz_sha256: hexadecimal(64),
  config_sha256: anything,
}

const anyInteger = integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)

/** @type {Table} */
const VERSION_0_ROOT = {
  model_type: oneOf('LogisticRegression'),
  sklearn_version: anyString,
  C: positive,
  penalty: nullable(anyString),
  solver: anyString,
  class_weight: classWeight,
  max_iter: anyInteger,
  random_state: nullable(anyInteger),
  esm_model: anyString,
  esm_revision: nullable(anyString),
  batch_size: anyInteger,
  device: optional(anyString),
}

const checkRoot = object(ROOT)
const checkVersion0Root = object(VERSION_0_ROOT)

/**
 * Sections 4 to 6.
 * @param {JsonValue} root
 * @param {Uint8Array} bytes
 * @returns {{root: JsonObject, formatVersion: string}} formatVersion is "0" for version 0
 */
export function checkConfig(root, bytes) {
  if (!(root instanceof JsonObject)) throw fieldError('FIELD_TYPE', '', root, 'an object')
  if (root.get('format') === undefined) {
    checkNoNewName(root)
    checkVersion0Root(root, '', { root, ignoreUnknown: true })
    return { root, formatVersion: '0' }
  }
  const ignoreUnknown = checkVersions(root)
  checkSeal(root, bytes)
  checkRoot(root, '', { root, ignoreUnknown })
  return { root, formatVersion: root.get('format_version') }
}

/**
 * V2: a damaged version 1 file must not pass as version 0.
 * @param {JsonObject} root
 */
function checkNoNewName(root) {
  for (const name in ROOT) {
    if (root.get(name) === undefined || name in VERSION_0_ROOT) continue
    throw new FormatError('FORMAT_MISSING', '/format', `no format beside ${name}`, '"plmhead"')
  }
}

/**
 * V3 to V5.
 * @param {JsonObject} root
 * @returns {boolean} whether to ignore unknown members
 */
function checkVersions(root) {
  const format = root.get('format')
  anyString(format, '/format', { root, ignoreUnknown: true })
  if (format !== 'plmhead') throw fieldError('FORMAT_UNKNOWN', '/format', format, '"plmhead"')
  const version = readVersion(root, 'format_version')
  if (Math.trunc(version / 10000) !== 1) throw fieldError('VERSION_UNSUPPORTED', '/format_version', root.get('format_version'), 'major version 1')
  const minimum = readVersion(root, 'min_reader')
  if (minimum > READER_VERSION) throw fieldError('VERSION_UNSUPPORTED', '/min_reader', root.get('min_reader'), 'at most 1.0')
  if (minimum < 10000 || minimum > version) throw fieldError('FIELD_VALUE', '/min_reader', root.get('min_reader'), 'from 1.0 to format_version')
  return version > READER_VERSION
}

/**
 * As a number in the form of READER_VERSION.
 * @param {JsonObject} root
 * @param {string} name
 */
function readVersion(root, name) {
  const version = root.get(name)
  versionText(version, `/${name}`, { root, ignoreUnknown: true })
  const [major, minor] = version.split('.').map(Number)
  return 10000 * major + minor
}

const SEAL = /^"config_sha256": "([0-9a-f]{64})"\n\}\n$/
const SEAL_SIZE = 86

/**
 * D1 to D3. The last name is compared too, because `"x\"config_sha256": "..."` ends with the same bytes.
 * @param {JsonObject} root
 * @param {Uint8Array} bytes
 */
function checkSeal(root, bytes) {
  const pointer = '/config_sha256'
  present(root.get('config_sha256'), pointer)
  const sealed = bytes.subarray(0, -SEAL_SIZE)
  const match = SEAL.exec(String.fromCharCode(...bytes.subarray(-SEAL_SIZE)))
  let last
  root.forEach((name) => last = name)
  if (match === null || last !== 'config_sha256') {
    throw new FormatError('CONFIG_SEAL', pointer, 'another ending', 'this member last, in the fixed 86 bytes')
  }
  const digest = sha256(sealed)
  if (digest !== match[1]) throw new FormatError('CONFIG_DIGEST', pointer, `SHA-256 ${digest}`, match[1])
}

/**
 * Section 11.
 * @param {JsonObject} root
 * @param {HeadArrays} arrays
 */
export function checkAgreement(root, { rows, nFeaturesIn, classes }) {
  const k = classes.length
  const dimension = root.get('embedding')?.get('dimension')
  if (dimension) expectEqual('/embedding/dimension', dimension.value, nFeaturesIn)
  if (root.get('class_weight') instanceof JsonObject) checkClassWeight(root.get('class_weight'), classes)
  expectLengths(root, 'self_test', { decision: rows, probability: k })
  expectLengths(root, 'golden', { embedding: Math.min(16, nFeaturesIn), decision: rows, probability: k })
  const byClass = root.get('training')?.get('rows_by_class')
  if (byClass) expectEqual('/training/rows_by_class', byClass.length, k)
}

/**
 * @param {JsonObject} root
 * @param {string} list the name of the records, which may be null
 * @param {Record<string, number>} lengths
 */
function expectLengths(root, list, lengths) {
  root.get(list)?.forEach((/** @type {JsonObject} */ record, /** @type {number} */ j) => {
    for (const name in lengths) expectEqual(`/${list}/${j}/${name}`, record.lengthOf(name), lengths[name])
  })
}

/**
 * @param {string} pointer
 * @param {number} found
 * @param {number} expected
 */
function expectEqual(pointer, found, expected) {
  if (found !== expected) throw new FormatError('FIELD_MISMATCH', pointer, found, `${expected}, as in the arrays`)
}

/**
 * G2.
 * @param {JsonObject} weights
 * @param {import('./arrays.js').Label[]} classes
 */
function checkClassWeight(weights, classes) {
  const keys = classes.map(String)
  let next = 0
  weights.forEach((name) => {
    next = keys.indexOf(name, next) + 1
    if (next === 0) throw new FormatError('FIELD_MISMATCH', childPointer('/class_weight', name), 'another name', 'classes in order')
  })
}

/**
 * A deep-frozen plain copy: an object has no prototype, so that no name of the file means anything else.
 * @param {JsonValue} value
 * @returns {any}
 */
export function toPlain(value) {
  if (value instanceof JsonNumber) return value.value
  if (Array.isArray(value)) return Object.freeze(value.map(toPlain))
  if (!(value instanceof JsonObject)) return value
  const plain = Object.create(null)
  value.forEach((name, read) => plain[name] = toPlain(read()))
  return Object.freeze(plain)
}
