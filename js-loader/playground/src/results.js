// The rows of a run and what a person asks of them: labels at a threshold, order, filter, histogram, CSV. No document here.
import { csvHeader, csvLine } from '../../src/encode/index.js'
import { classIndices } from '../../src/score.js'

/** @typedef {import('./worker.js').Model} Model */
/** @typedef {import('./worker.js').Row} Row */
/** @typedef {'row' | 'id' | 'label' | 'probability' | 'decision' | 'sequence'} Column */
/** @typedef {{text: string, only: string, sort: Column, descending: boolean}} View */

export const BINS = 50
const LINES_AT_A_TIME = 2048

/** Grows by doubling. */
class Numbers {
  #values = new Float64Array(1024)
  length = 0

  /** @param {Float64Array} more */
  push(more) {
    if (this.length + more.length > this.#values.length) {
      const larger = new Float64Array(2 * (this.length + more.length))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(more, this.length)
    this.length += more.length
  }

  get values() {
    return this.#values.subarray(0, this.length)
  }
}

/** Rows, decisions and probabilities of one run. Rows that are not usable have NaN for both. */
export class Results {
  /** @type {Row[]} */
  rows = []
  #decision = new Numbers()
  #probability = new Numbers()
  /** @type {number[]} the class of each row */
  labels = []
  /** @type {number | null} */
  #threshold
  bad = 0
  hasIds = false
  hasSequences = false

  /** @param {Model} model */
  constructor(model) {
    this.model = model
    this.#threshold = model.head.threshold
    this.shownClass = model.head.link === 'logistic' ? 1 : 0
  }

  /** @returns {number | null} */
  get threshold() {
    return this.#threshold
  }

  /** @param {number | null} value */
  set threshold(value) {
    this.#threshold = value
    this.labels = classIndices(this.#shape, this.#decision.values, this.#probability.values, value)
  }

  /** @param {{rows: Row[], decision: Float64Array, probability: Float64Array}} part */
  add({ rows, decision, probability }) {
    // One by one: an argument list has a limit.
    for (const row of rows) {
      this.rows.push(row)
      if (row.error !== null) this.bad += 1
      else if (row.sequence !== null) this.hasSequences = true
      this.hasIds ||= row.id !== null
    }
    this.#decision.push(decision)
    this.#probability.push(probability)
    for (const label of classIndices(this.#shape, decision, probability, this.#threshold)) this.labels.push(label)
  }

  get #shape() {
    return /** @type {import('../../src/score.js').Coefficients} */ (/** @type {unknown} */ ({ rows: this.model.head.rows }))
  }

  /** @param {number} index */
  decision(index) {
    const { rows } = this.model.head
    return this.#decision.values[rows * index + (rows === 1 ? 0 : this.shownClass)]
  }

  /** That of the class shown. @param {number} index */
  probability(index) {
    return this.#probability.values[this.model.head.classes.length * index + this.shownClass]
  }

  /** Of the usable rows, how many have each class. */
  counts() {
    const counts = this.model.head.classes.map(() => 0)
    this.rows.forEach(({ error }, index) => {
      if (error === null) counts[this.labels[index]] += 1
    })
    return counts
  }

  /**
   * Indices of the rows that pass a filter, in its order; rows that are not usable come last.
   * @param {View} view `only` is `all`, `bad`, or the index of a class
   */
  arranged({ text, only, sort, descending }) {
    const wanted = text.trim().toLowerCase()
    const has = (/** @type {string | null} */ cell) => cell !== null && cell.toLowerCase().includes(wanted)
    const indices = []
    for (let index = 0; index < this.rows.length; index += 1) {
      const { id, sequence, error } = this.rows[index]
      if (only === 'bad' ? error === null : only !== 'all' && (error !== null || this.labels[index] !== Number(only))) continue
      if (wanted === '' || has(id) || has(sequence)) indices.push(index)
    }
    if (sort === 'row') return descending ? indices.reverse() : indices
    const compare = this.#comparison(sort)
    const way = descending ? -1 : 1
    const isBad = (/** @type {number} */ index) => Number(this.rows[index].error !== null)
    return indices.sort((a, b) => isBad(a) - isBad(b) || way * compare(a, b) || a - b)
  }

  /**
   * @param {Column} column
   * @returns {(a: number, b: number) => number}
   */
  #comparison(column) {
    const { rows, labels } = this
    if (column === 'probability') return (a, b) => this.probability(a) - this.probability(b) || 0
    if (column === 'decision') return (a, b) => this.decision(a) - this.decision(b) || 0
    if (column === 'label') return (a, b) => labels[a] - labels[b]
    if (column === 'sequence') return (a, b) => (rows[a].sequence?.length ?? 0) - (rows[b].sequence?.length ?? 0)
    const { compare } = new Intl.Collator('en', { numeric: true })
    return (a, b) => compare(rows[a].id ?? '', rows[b].id ?? '')
  }

  /** Usable rows by the probability of the class shown, in bins of equal width from 0 to 1. */
  histogram() {
    const bins = Array(BINS).fill(0)
    for (let index = 0; index < this.rows.length; index += 1) {
      const p = this.probability(index)
      if (p >= 0) bins[Math.min(BINS - 1, Math.floor(p * BINS))] += 1
    }
    return bins
  }

  /**
   * All rows in their order, as `plmhead predict --format csv --on-error report` writes them, with the labels of the threshold
   * in force. Embeddings have their row as `id`.
   * @returns {Blob}
   */
  csv() {
    const head = /** @type {import('../../src/head.js').Head} */ (/** @type {unknown} */ (this.model.head))
    const columns = { ids: this.hasIds, errors: this.hasSequences || this.bad > 0 }
    /** @type {string[]} */
    const pieces = [`${csvHeader(head, columns)}\n`]
    for (let start = 0; start < this.rows.length; start += LINES_AT_A_TIME) {
      const lines = this.rows.slice(start, start + LINES_AT_A_TIME).map((row, i) => csvLine(head, this.#result(row, start + i), columns))
      pieces.push(`${lines.join('\n')}\n`)
    }
    return new Blob(pieces, { type: 'text/csv' })
  }

  /**
   * @param {Row} row
   * @param {number} index
   * @returns {import('../../src/encode/index.js').Result}
   */
  #result(row, index) {
    const { head } = this.model
    const line = row.line ?? index + 1
    if (row.error !== null) return { ...row, line, label: null, decision: null, probability: null }
    const k = head.classes.length
    const label = head.classes[this.labels[index]]
    if (head.link === 'logistic') return { ...row, line, label, decision: this.decision(index), probability: this.probability(index) }
    const of = (/** @type {Numbers} */ numbers) => [...numbers.values.subarray(k * index, k * (index + 1))]
    return { ...row, line, label, decision: of(this.#decision), probability: of(this.#probability) }
  }
}
