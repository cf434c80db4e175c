// A bundle, read and proved, and its way from records to results.
import { isEncodeError, EncodeError, messageOf } from './faults.js'
import { readContents } from './contents.js'
import { openEncoder } from './encoder.js'
import { prove } from './golden.js'
import { SequenceError, normalise } from '../sequences.js'

/** @typedef {import('../arrays.js').Label} Label */
/** @typedef {import('../head.js').Head} Head */
/** @typedef {import('./tables.js').TableRecord} TableRecord */

/** Batches that are read together, so that neighbours in length share one. */
const WINDOW = 32

/**
 * @typedef {object} OpenOptions
 * @property {import('./encoder.js').Runtime} runtime the module `onnxruntime-node` or `onnxruntime-web`
 * @property {Record<string, unknown>} [sessionOptions] passed to the runtime, such as `{ executionProviders: ['webgpu'] }`
 * @property {(step: import('./contents.js').OpeningStep) => unknown} [onProgress] waited for
 * @property {AbortSignal} [signal]
 */

/**
 * Reads a bundle and proves its encoder on the golden sequences (B1 to B12). Throws the error of the first rule that is
 * broken: EncodeError, or FormatError for the artifact.
 * @param {import('./sources.js').Source} source from `fromFiles`, `fromUrl`, `fromBytes`, or `fromFolder` of `plmhead/encode/node`
 * @param {OpenOptions} options
 * @returns {Promise<Bundle>}
 */
export async function openBundle(source, { runtime, sessionOptions, onProgress, signal }) {
  const contents = await readContents(source, { onProgress, signal })
  await onProgress?.({ step: 'open', done: 0, total: 1 })
  const encoder = await openEncoder(runtime, contents, sessionOptions)
  try {
    await onProgress?.({ step: 'open', done: 1, total: 1 })
    const proof = await prove(contents.head, encoder, contents.golden, {
      signal, onProgress: (done, total) => onProgress?.({ step: 'prove', done, total }),
    })
    return new Bundle(contents.head, encoder, contents.manifest, proof)
  } catch (error) {
    await encoder.release()
    throw error
  }
}

/**
 * @typedef {object} SequenceFault why a record has no usable sequence
 * @property {string} code SEQUENCE_EMPTY, SEQUENCE_LETTER, SEQUENCE_LENGTH or DATA
 * @property {string} message what was found and what was expected
 * @property {number | null} position of a character that is no residue, from 1
 * @property {string | null} remedy
 */

/**
 * @typedef {object} Result one record
 * @property {number} row its index among the records, from 0
 * @property {number} line the number of its first line in the table, from 1
 * @property {string | null} id
 * @property {string | null} sequence as the encoder took it; null where `error` is not
 * @property {Label | null} label
 * @property {number | number[] | null} decision one number when the link is logistic, one a class when it is softmax
 * @property {number | number[] | null} probability that of the second class when the link is logistic, one a class when it is softmax
 * @property {SequenceFault | null} error
 */

/**
 * @typedef {object} PredictOptions
 * @property {string} [name] of the table, for errors
 * @property {'stop' | 'skip' | 'report'} [onError] what a bad record does: throws EncodeError DATA after the results before
 *   it ("stop"); is left out ("skip"); gets a result with `error` ("report")
 * @property {number | null} [threshold] from 0 to 1, in place of the head's own; logistic heads only
 * @property {string | null} [assayType] a name in `head.assayThresholds`, whose threshold then counts
 * @property {number} [batchSize] the most sequences that run together (8)
 * @property {number} [window] the most records that are held (32 batches): results come window by window
 * @property {(progress: {done: number, read: number, bad: number}) => unknown} [onProgress]
 *   after each batch, and waited for: records embedded or bad, records read, bad ones among them
 * @property {AbortSignal} [signal]
 */

/** A head and its encoder, both proved: the head by its self-test, the encoder by golden results. Made by `openBundle`. */
export class Bundle {
  /**
   * @internal
   * @param {Head} head
   * @param {import('./encoder.js').Encoder} encoder
   * @param {import('./manifest.js').Manifest} manifest
   * @param {import('./golden.js').Proof} proof
   */
  constructor(head, encoder, manifest, proof) {
    /** @readonly */
    this.head = head
    /** @readonly */
    this.encoder = encoder
    /** @readonly */
    this.manifest = manifest
    /** @readonly */
    this.proof = proof
    Object.freeze(this)
  }

  /** What the head's training did with sequences of more than 1,022 residues. @returns {'error' | 'truncate'} */
  get tooLong() {
    return this.head.config.embedding.too_long
  }

  /** Whether the encoder's weights are random: for trying things, not for science. */
  get hasRandomWeights() {
    return this.encoder.name.startsWith('plmhead/random-')
  }

  /**
   * Embeddings of sequences, `encoder.dimension` values a row. Throws SequenceError at `/row`, EncodeError RUNTIME.
   * @param {readonly string[]} sequences
   * @param {{batchSize?: number, onProgress?: (done: number, total: number) => unknown, signal?: AbortSignal}} [options]
   */
  async embed(sequences, options) {
    const { tooLong } = this
    return this.encoder.embed(sequences.map((text, row) => normalise(text, { where: `/${row}`, tooLong })), options)
  }

  /**
   * Results of records, in their order. Throws InputError for a bad threshold, before any is read; EncodeError DATA at
   * the table's name for a bad record where errors stop the run, and for a table without records; EncodeError RUNTIME.
   * @param {Iterable<TableRecord | string> | AsyncIterable<TableRecord | string>} records such as `readTable` gives
   * @param {PredictOptions} [options]
   * @returns {AsyncGenerator<Result, void, void>}
   */
  async* predict(records, options = {}) {
    const { name = 'sequences', onError = 'stop', batchSize = 8, window = WINDOW * batchSize, onProgress } = options
    if (!['stop', 'skip', 'report'].includes(onError)) throw new TypeError('onError is "stop", "skip" or "report"')
    if (!(Number.isInteger(batchSize) && batchSize > 0 && window > 0)) throw new RangeError('batchSize and window are above 0')
    this.head.score(new Float32Array(), options)
    const progress = { done: 0, read: 0, bad: 0 }
    for await (const { entries, stopped } of windows(records, { tooLong: this.tooLong, name, onError, window, progress })) {
      for (const result of await this.#results(entries, { ...options, batchSize, progress })) {
        if (result.error === null || onError === 'report') yield result
      }
      if (stopped) throw stopped
    }
    if (progress.read === 0) throw new EncodeError('DATA', name, 'found no rows, expected at least one')
    await onProgress?.({ ...progress })
  }

  /** Frees the runtime's memory; the bundle cannot embed then. */
  async release() {
    await this.encoder.release()
  }

  /**
   * @param {Entry[]} entries
   * @param {PredictOptions & {progress: {done: number, read: number, bad: number}}} options
   * @returns {Promise<Result[]>}
   */
  async #results(entries, { progress, onProgress, batchSize, signal, threshold, assayType }) {
    const good = entries.filter(({ error }) => error === null)
    const before = progress.done + entries.length - good.length
    const embeddings = await this.encoder.embed(good.map(({ sequence }) => /** @type {string} */ (sequence)), {
      batchSize, signal, onProgress: (done) => onProgress?.({ ...progress, done: before + done }),
    })
    progress.done += entries.length
    const { head } = this
    const { decision, probability, labels } = head.score(embeddings, { threshold, assayType })
    let row = 0
    return entries.map((entry) => {
      if (entry.error !== null) return { ...entry, label: null, decision: null, probability: null }
      const at = row
      row += 1
      const isLogistic = head.link === 'logistic'
      const k = head.classes.length
      return {
        ...entry,
        label: labels[at],
        decision: isLogistic ? decision[at] : [...decision.subarray(at * k, (at + 1) * k)],
        probability: isLogistic ? probability[2 * at + 1] : [...probability.subarray(at * k, (at + 1) * k)],
      }
    })
  }
}

/** @typedef {Pick<Result, 'row' | 'line' | 'id' | 'sequence' | 'error'>} Entry */

/**
 * Records, a window at a time; the last one may say what stops the run behind it.
 * @param {Iterable<TableRecord | string> | AsyncIterable<TableRecord | string>} records
 * @param {object} options
 * @param {'error' | 'truncate'} options.tooLong
 * @param {string} options.name
 * @param {string} options.onError
 * @param {number} options.window
 * @param {{read: number, bad: number}} options.progress
 * @returns {AsyncGenerator<{entries: Entry[], stopped: unknown}, void, void>}
 */
async function* windows(records, { tooLong, name, onError, window, progress }) {
  /** @type {Entry[]} */
  let entries = []
  try {
    for await (const given of records) {
      const entry = entryOf(given, progress.read, tooLong)
      progress.read += 1
      if (entry.error !== null) {
        progress.bad += 1
        if (onError === 'stop') throw stopOf(entry, entry.error, name)
      }
      entries.push(entry)
      if (entries.length < window) continue
      yield { entries, stopped: null }
      entries = []
    }
  } catch (error) {
    if (!isEncodeError(error, 'DATA')) throw error
    yield { entries, stopped: error }
  }
  if (entries.length > 0) yield { entries, stopped: null }
}

/**
 * @param {TableRecord | string} given
 * @param {number} row
 * @param {'error' | 'truncate'} tooLong
 * @returns {Entry}
 */
function entryOf(given, row, tooLong) {
  const { line, id, sequence, fault } = typeof given === 'string' ? { line: row + 1, id: null, sequence: given, fault: null } : given
  if (fault !== null || sequence === null) {
    return { row, line, id, sequence: null, error: { code: 'DATA', message: fault ?? 'found no sequence, expected one', position: null, remedy: null } }
  }
  try {
    return { row, line, id, sequence: normalise(sequence, { tooLong }), error: null }
  } catch (error) {
    if (!(error instanceof SequenceError)) throw error
    const { code, position, remedy } = error
    return { row, line, id, sequence: null, error: { code, message: messageOf(error), position, remedy } }
  }
}

/**
 * @param {Entry} entry
 * @param {SequenceFault} fault
 * @param {string} name
 */
function stopOf({ line, id }, { code, message, remedy }, name) {
  const who = id === null ? '' : ` (${id})`
  return new EncodeError('DATA', name, `line ${line}${who}: ${code}: ${message}${remedy === null ? '' : `; ${remedy}`}`)
}
