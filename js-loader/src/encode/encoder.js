// The edge to the ONNX runtime: onnxruntime-node, onnxruntime-web, or what has their interface. Sequences in, embeddings out.
import { firstNonFinite } from '../score.js'
import { tokenize } from '../sequences.js'
import { inBatches } from './batches.js'
import { EncodeError } from './faults.js'

/** @typedef {import('./contents.js').Contents} Contents */

/**
 * @typedef {object} Session what `InferenceSession.create` gives
 * @property {(feeds: any, fetches: any) => Promise<any>} run
 * @property {() => Promise<void>} release
 */

/**
 * @typedef {object} Runtime the module `onnxruntime-node` or `onnxruntime-web`
 * @property {{create: (model: any, options?: any) => Promise<Session>}} InferenceSession
 * @property {new (type: any, data: any, dims: readonly number[]) => any} Tensor
 */

/**
 * Opens the graph. Nothing is read from a file or an address: the runtime is given bytes.
 * @param {Runtime} runtime
 * @param {Contents} contents
 * @param {Record<string, unknown>} [sessionOptions] more options of the runtime's session, such as `executionProviders`
 * @returns {Promise<Encoder>}
 */
export async function openEncoder(runtime, { manifest, graph, external }, sessionOptions) {
  // An empty file is a null pointer to the native runtime, which it refuses.
  const externalData = external.filter(({ data }) => data.length > 0)
  const options = { logSeverityLevel: 3, ...sessionOptions, ...(externalData.length > 0 && { externalData }) }
  try {
    return new Encoder(runtime, await runtime.InferenceSession.create(graph.bytes, options), manifest.encoder)
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    // What the runtime lacks is no fault of the graph.
    if (/^no available backend found|backend not found/.test(message)) throw new EncodeError('RUNTIME', 'runtime', `found ${message}, expected one`)
    throw new EncodeError('BUNDLE_GRAPH', graph.name, `the runtime cannot open it: ${message}`)
  }
}

/** The graph of a bundle in a runtime. */
export class Encoder {
  #runtime
  #session
  #about

  /**
   * @internal
   * @param {Runtime} runtime
   * @param {Session} session
   * @param {import('./manifest.js').About} about
   */
  constructor(runtime, session, about) {
    this.#runtime = runtime
    this.#session = session
    this.#about = about
    Object.freeze(this)
  }

  /** Such as `facebook/esm2_t6_8M_UR50D`. */
  get name() {
    return this.#about.name
  }

  /** Values of an embedding. */
  get dimension() {
    return this.#about.dimension
  }

  /** The accuracy class: "exact" or "fast". */
  get accuracy() {
    return this.#about.accuracy
  }

  /**
   * The embeddings, `dimension` values a row, in the order of the input. Throws EncodeError RUNTIME.
   * @param {readonly string[]} sequences from `normalise`
   * @param {object} [options]
   * @param {number} [options.batchSize] the most sequences that run together (8)
   * @param {(done: number, total: number) => unknown} [options.onProgress] after each batch, and waited for
   * @param {AbortSignal} [options.signal]
   * @returns {Promise<Float32Array>}
   */
  async embed(sequences, { batchSize = 8, onProgress, signal } = {}) {
    const values = new Float32Array(sequences.length * this.dimension)
    let done = 0
    for (const { bucket, rows, members } of inBatches(sequences, batchSize)) {
      signal?.throwIfAborted()
      const pooled = await this.#run(members.map((index) => sequences[index]), rows, bucket)
      members.forEach((index, row) => {
        values.set(pooled.subarray(row * this.dimension, (row + 1) * this.dimension), index * this.dimension)
      })
      done += members.length
      await onProgress?.(done, sequences.length)
    }
    return values
  }

  /** Frees the runtime's memory. */
  async release() {
    await this.#session.release()
  }

  /**
   * @param {string[]} sequences
   * @param {number} rows
   * @param {number} length
   * @returns {Promise<Float32Array>}
   */
  async #run(sequences, rows, length) {
    const type = this.#about.input_type
    const { inputIds, attentionMask } = tokenize(sequences, type, { rows, length })
    const tensor = (/** @type {unknown} */ values) => new this.#runtime.Tensor(type, values, [rows, length])
    const fault = (/** @type {string} */ message) => new EncodeError('RUNTIME', this.name, message)
    let pooled
    try {
      ({ pooled } = await this.#session.run({ input_ids: tensor(inputIds), attention_mask: tensor(attentionMask) }, ['pooled']))
    } catch (error) {
      throw fault(`the runtime failed: ${/** @type {Error} */ (error).message}`)
    }
    const shape = [rows, this.dimension]
    const isRight = pooled.type === 'float32' && String(pooled.dims) === String(shape) && firstNonFinite(pooled.data) < 0
    if (!isRight) throw fault(`found ${pooled.type} of shape (${pooled.dims}), expected finite float32 of shape (${shape})`)
    return pooled.data
  }
}
