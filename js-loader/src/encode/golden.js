// Golden results: section 16 of the artifact's specification, B12 of the bundle's.
import { goldenSequences } from '../sequences.js'
import { EncodeError } from './faults.js'

/** @typedef {import('../head.js').Head} Head */

/**
 * @typedef {object} Proof how far the encoder is from the stored results, over all golden sequences
 * @property {number} sequences
 * @property {number} embedding the largest difference of an embedding's value
 * @property {number} decision the largest difference of a decision
 * @property {number} slack what is allowed, relative to the size of a value or of a decision's terms
 */

/**
 * Holds the encoder to the artifact's golden results, where it has some, and to the bundle's. Throws EncodeError GOLDEN.
 * @param {Head} head
 * @param {import('./encoder.js').Encoder} encoder
 * @param {readonly import('./contents.js').GoldenRecord[]} stored the bundle's
 * @param {{onProgress?: (done: number, total: number) => unknown, signal?: AbortSignal}} [options]
 * @returns {Promise<Proof>}
 */
export async function prove(head, encoder, stored, options) {
  const embeddings = await encoder.embed(goldenSequences(), options)
  const isFast = encoder.accuracy === 'fast' || head.config.embedding.accuracy === 'fast'
  const slack = isFast ? 1e-2 : 1e-4
  /** @type {Proof} */
  const proof = { sequences: goldenSequences().length, embedding: 0, decision: 0, slack }
  for (const records of [head.config.golden ?? [], stored]) {
    records.forEach((/** @type {import('./contents.js').GoldenRecord} */ record, /** @type {number} */ j) => {
      compare(head, embeddings.subarray(j * encoder.dimension, (j + 1) * encoder.dimension), record, j, proof)
    })
  }
  return Object.freeze(proof)
}

/**
 * @param {Head} head
 * @param {Float32Array} own
 * @param {import('./contents.js').GoldenRecord} record
 * @param {number} j
 * @param {Proof} proof
 */
function compare(head, own, record, j, proof) {
  record.embedding.forEach((stored, i) => {
    proof.embedding = within(`embedding value ${i}`, own[i], stored, proof.slack * (1 + Math.abs(stored)), j, proof.embedding)
  })
  const { coef, intercept } = head
  record.decision.forEach((stored, row) => {
    let [decision, size] = [0, 0]
    own.forEach((x, i) => {
      const term = x * coef[row * own.length + i]
      decision += term
      size += Math.abs(term)
    })
    decision += intercept[row]
    proof.decision = within(`decision ${row}`, decision, stored, proof.slack * Math.max(size, 1), j, proof.decision)
  })
}

/**
 * @param {string} what
 * @param {number} found
 * @param {number} stored
 * @param {number} tolerance
 * @param {number} j
 * @param {number} largest
 * @returns {number} the larger difference
 */
function within(what, found, stored, tolerance, j, largest) {
  const difference = Math.abs(found - stored)
  // Written so that NaN is far.
  if (difference <= tolerance) return Math.max(largest, difference)
  throw new EncodeError('GOLDEN', `/golden/${j}`, `found ${what} = ${found}, expected ${stored} within ${tolerance.toExponential(2)}`)
}
