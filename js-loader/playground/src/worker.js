// The work, off the main thread: reading models, embedding, scoring. Messages in, messages out; nothing else is reached.
import * as runtime from 'onnxruntime-web/wasm'
import { fromFiles, openBundle, readTable } from '../../src/encode/index.js'
import { FormatError } from '../../src/errors.js'
import { load } from '../../src/load.js'
import { parseNpy } from '../../src/matrix.js'
import { faultOf } from './faults.js'

/** @typedef {import('../../src/head.js').Head} Head */
/** @typedef {import('../../src/encode/index.js').Bundle} Bundle */
/** @typedef {import('./given.js').Given} Given */

/**
 * @typedef {object} Model what the page is told of a model
 * @property {string} name
 * @property {Pick<Head, 'link' | 'classes' | 'labelType' | 'nFeaturesIn' | 'threshold' | 'formatVersion' | 'verified' | 'rows'>} head
 * @property {readonly (readonly [string, number])[]} assayThresholds
 * @property {number} selfTests
 * @property {string | null} trainedOn the encoder that the head names
 * @property {{name: string, dimension: number, isRandom: boolean, tooLong: string, proof: import('../../src/encode/golden.js').Proof, threads: number} | null} encoder
 */

/**
 * @typedef {{row: number, line: number | null, id: string | null, sequence: string | null, error: import('../../src/encode/bundle.js').SequenceFault | null}} Row
 */

/**
 * @typedef {{do: 'openPair', npz: File, config: File, name: string}
 *   | {do: 'openBundle', files: Given[]}
 *   | {do: 'score', file: File}
 *   | {do: 'predict', input: File | string, name: string, format: 'fasta' | 'csv' | 'lines', column: string}} Task
 * @typedef {{id: number, task: Task} | {stop: true}} Message
 */

const ROWS_AT_A_TIME = 4096
const THREADS = globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency ?? 1) : 1

const beside = (/** @type {string} */ name) => new URL(name, import.meta.url).href
runtime.env.wasm.wasmPaths = { mjs: beside('ort-wasm-simd-threaded.mjs'), wasm: beside('ort-wasm-simd-threaded.wasm') }
runtime.env.wasm.numThreads = THREADS

/** @type {{head: Head, bundle: Bundle | null} | null} */
let model = null
/** @type {AbortController | null} */
let running = null

/** @typedef {{id: number, signal: AbortSignal, tell: (type: string, content?: object) => void}} Job */

/** Lets messages in, such as that to stop. */
const breathe = () => new Promise((resolve) => setTimeout(resolve))

/**
 * @param {Job} job
 * @param {string} name
 * @param {Head} head
 * @param {Bundle | null} bundle
 */
async function use({ tell }, name, head, bundle) {
  await model?.bundle?.release()
  model = { head, bundle }
  const { link, classes, labelType, nFeaturesIn, threshold, formatVersion, verified, rows } = head
  tell('opened', {
    model: {
      name, head: { link, classes, labelType, nFeaturesIn, threshold, formatVersion, verified, rows },
      assayThresholds: head.assayThresholds ?? [],
      selfTests: head.config.self_test?.length ?? 0,
      trainedOn: head.config.embedding?.checkpoint ?? head.config.esm_model ?? null,
      encoder: bundle && {
        name: bundle.encoder.name, dimension: bundle.encoder.dimension, isRandom: bundle.hasRandomWeights,
        tooLong: bundle.tooLong, proof: bundle.proof, threads: THREADS,
      },
    },
  })
}

/** @param {File} file @param {string} where */
async function bytesOf(file, where) {
  try {
    return new Uint8Array(await file.arrayBuffer())
  } catch (error) {
    throw new FormatError('FILE_UNREADABLE', where, /** @type {Error} */ (error).message, 'a file that can be read')
  }
}

/** @type {{[name in Task['do']]: (job: Job, task: any) => Promise<void>}} */
const TASKS = {
  async openPair(job, { npz, config, name }) {
    job.tell('progress', { text: `Reading ${name}` })
    await use(job, name, load(await bytesOf(npz, 'npz'), await bytesOf(config, 'config')), null)
  },

  async openBundle(job, /** @type {{files: Given[]}} */ { files }) {
    const words = { read: 'Reading and hashing the bundle', open: 'Opening the encoder', prove: 'Proving the encoder on golden sequences' }
    const source = fromFiles(files.map(({ file, path }) => Object.defineProperty(file, 'fullPath', { value: path })))
    const bundle = await openBundle(source, {
      runtime, signal: job.signal,
      async onProgress({ step, done, total }) {
        job.tell('progress', step === 'open' ? { text: words.open } : { text: words[step], done, total })
        await breathe()
      },
    })
    await use(job, bundle.manifest.name, bundle.head, bundle)
  },

  async score({ tell, signal }, { file }) {
    const { head } = /** @type {NonNullable<typeof model>} */ (model)
    const X = parseNpy(await bytesOf(file, 'X'), head.nFeaturesIn)
    const total = X.length / head.nFeaturesIn
    for (let start = 0; start < total; start += ROWS_AT_A_TIME) {
      signal.throwIfAborted()
      const part = X.subarray(start * head.nFeaturesIn, (start + ROWS_AT_A_TIME) * head.nFeaturesIn)
      let scores
      try {
        scores = head.score(part)
      } catch (error) {
        throw inWholeMatrix(error, start)
      }
      const { decision, probability } = scores
      const rows = Array.from({ length: decision.length / head.rows }, (_, i) => ({ row: start + i, line: null, id: String(start + i), sequence: null, error: null }))
      tell('rows', { rows, decision, probability })
      tell('progress', { text: 'Scoring embeddings', done: start + rows.length, total })
      await breathe()
    }
    tell('finished', { ids: true, sequences: false })
  },

  async predict({ tell, signal }, { input, name, format, column }) {
    const { head, bundle } = /** @type {{head: Head, bundle: Bundle}} */ (model)
    /** @type {(import('../../src/encode/index.js').TableRecord | string)[]} */
    const records = []
    tell('progress', { text: 'Reading sequences' })
    if (format === 'lines') records.push(...String(input).split(/\r?\n/).filter((line) => line.trim() !== ''))
    else for await (const record of readTable(input, { name, format, column })) records.push(record)
    let ids = false
    /** @type {Row[]} */
    let rows = []
    /** @type {number[]} */
    let decision = []
    /** @type {number[]} */
    let probability = []
    const send = () => {
      if (rows.length > 0) tell('rows', { rows, decision: Float64Array.from(decision), probability: Float64Array.from(probability) })
      rows = []
      decision = []
      probability = []
    }
    const onProgress = async (/** @type {{done: number}} */ { done }) => {
      tell('progress', { text: 'Predicting', done, total: records.length })
      await breathe()
    }
    const blank = Array(head.rows).fill(NaN)
    const blankP = Array(head.classes.length).fill(NaN)
    // A small window, so that rows come soon.
    for await (const { label: _, ...result } of bundle.predict(records, { name, onError: 'report', window: 64, onProgress, signal })) {
      const { decision: z, probability: p, ...row } = result
      ids ||= row.id !== null
      rows.push(row)
      decision.push(...(z === null ? blank : [z].flat()))
      probability.push(...(p === null ? blankP : head.link === 'logistic' ? [1 - /** @type {number} */ (p), p] : [p].flat()))
      if (rows.length === 64) send()
    }
    send()
    tell('finished', { ids, sequences: true })
  },
}

/**
 * An error of a part of X, at its place in the whole.
 * @param {any} error
 * @param {number} start
 */
function inWholeMatrix(error, start) {
  const match = /^\/(\d+)(.*)$/.exec(error.where ?? '')
  if (match === null) return error
  const where = `/${Number(match[1]) + start}${match[2]}`
  return { code: error.code, where, message: error.message.replace(`(${error.where})`, `(${where})`), remedy: error.remedy }
}

/** One after the other: a session of the runtime runs one batch at a time. */
let queue = Promise.resolve()

globalThis.onmessage = ({ data }) => {
  const message = /** @type {Message} */ (data)
  if ('stop' in message) running?.abort()
  else queue = queue.then(() => perform(message.id, message.task))
}

/**
 * @param {number} id
 * @param {Task} task
 */
async function perform(id, task) {
  running = new AbortController()
  const { signal } = running
  const job = { id, signal, tell: (/** @type {string} */ type, /** @type {object | undefined} */ content) => postMessage({ id, type, ...content }) }
  try {
    await TASKS[task.do](job, task)
  } catch (error) {
    if (signal.aborted) job.tell('stopped', {})
    else job.tell('failed', { fault: faultOf(error) })
  }
}

postMessage({ type: 'ready' })
