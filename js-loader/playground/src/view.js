// The third part of the page: histogram, threshold, filter, table, download.
import { byId, element } from './dom.js'
import { labelText } from './facts.js'
import { registered } from './faults.js'
import { Histogram } from './histogram.js'
import { Table } from './table.js'

/** @typedef {import('./results.js').Results} Results */
/** @typedef {import('./results.js').Column} Column */

const number = (/** @type {number} */ value) => value.toLocaleString('en')

export class ResultsView {
  /** @type {Results | null} */
  #results = null
  /** @type {import('./results.js').View} */
  #view = { text: '', only: 'all', sort: 'row', descending: false }
  #histogram = new Histogram((threshold) => this.#setThreshold(threshold))
  #table = new Table((column) => this.#sortBy(column))
  #isDue = false
  #isDirty = false

  constructor() {
    listen('threshold', 'input', ({ valueAsNumber: value }) => {
      if (value >= 0 && value <= 1) this.#setThreshold(value, true)
    })
    listen('threshold', 'change', () => this.refresh())
    listen('preset', 'change', ({ value }) => {
      if (value !== '') this.#setThreshold(this.#presets()[Number(value)][1])
    })
    listen('shown-class', 'change', ({ value }) => {
      if (this.#results !== null) this.#results.shownClass = Number(value)
      this.#headings()
      this.refresh()
    })
    listen('filter', 'input', ({ value }) => this.#look({ text: value }))
    listen('only', 'change', ({ value }) => this.#look({ only: value }))
    byId('download').addEventListener('click', () => this.#download())
  }

  /** @param {Results | null} results */
  begin(results) {
    this.#results = results
    byId('results').hidden = results === null
    this.#table.show([], this.#view)
    if (results === null) return
    this.#view = { text: '', only: 'all', sort: 'row', descending: false }
    setValue('filter', '')
    const { head } = results.model
    const isLogistic = head.link === 'logistic'
    byId('threshold-controls').hidden = !isLogistic
    byId('class-controls').hidden = isLogistic
    byId('shown-class').replaceChildren(...head.classes.map((label, i) => option(i, labelText(label))))
    byId('preset').replaceChildren(...this.#presets().map(([name, threshold], i) => option(i, `${name} (${threshold})`)), option('', 'own choice'))
    byId('only').replaceChildren(option('all', 'all rows'), ...head.classes.map((label, i) => option(i, `predicted ${labelText(label)}`)), option('bad', 'not usable'))
    setValue('only', 'all')
    this.#table.toTop()
    this.refresh()
  }

  /** Rows have come, or all of them. */
  refresh() {
    this.#isDirty = true
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      if (this.#isDirty) this.#draw()
    })
  }

  /** Names of thresholds and their values. @returns {[string, number][]} */
  #presets() {
    const { head, assayThresholds } = /** @type {Results} */ (this.#results).model
    return head.threshold === null ? [] : [['the head', head.threshold], ...assayThresholds.map(([name, value]) => /** @type {[string, number]} */ ([name, value]))]
  }

  /**
   * @param {number} threshold
   * @param {boolean} [isTyped] then the field keeps what is in it
   */
  #setThreshold(threshold, isTyped = false) {
    if (this.#results === null || this.#results.threshold === threshold) return
    this.#results.threshold = threshold
    if (!isTyped) setValue('threshold', String(threshold))
    this.refresh()
  }

  /** @param {Column} column */
  #sortBy(column) {
    const descending = this.#view.sort === column ? !this.#view.descending : column === 'probability' || column === 'decision'
    this.#look({ sort: column, descending })
  }

  /** @param {Partial<import('./results.js').View>} change */
  #look(change) {
    this.#view = { ...this.#view, ...change }
    this.#table.toTop()
    this.refresh()
  }

  #headings() {
    const results = /** @type {Results} */ (this.#results)
    const { head } = results.model
    const of = head.link === 'logistic' ? '' : ` of ${labelText(head.classes[results.shownClass])}`
    /** @type {import('./table.js').Heading[]} */
    const headings = [
      { column: 'row', title: 'Row', isNumber: true },
      ...(results.hasIds && results.hasSequences ? [{ column: /** @type {Column} */ ('id'), title: 'Name' }] : []),
      { column: 'probability', title: `Probability${of}`, isNumber: true },
      { column: 'label', title: 'Label' },
      { column: 'decision', title: `Decision${of}`, isNumber: true },
      ...(results.hasSequences || results.bad > 0 ? [{ column: /** @type {Column} */ ('sequence'), title: 'Sequence' }] : []),
    ]
    this.#table.columns(headings, (index) => headings.map(({ column }) => this.#cell(column, index)))
  }

  /**
   * @param {Column} column
   * @param {number} index
   * @returns {Node | string}
   */
  #cell(column, index) {
    const results = /** @type {Results} */ (this.#results)
    const { row, id, sequence, error } = results.rows[index]
    // Rows of a matrix are counted as in numpy, and as errors count them.
    if (column === 'row') return number(results.model.encoder === null ? row : row + 1)
    if (column === 'id') return element('span', { title: id ?? '' }, id ?? '')
    if (error !== null) return column === 'sequence' ? badCell(error) : ''
    if (column === 'sequence') return element('code', { title: sequence ?? '' }, sequence ?? '')
    if (column === 'probability') return results.probability(index).toFixed(4)
    if (column === 'decision') return results.decision(index).toFixed(4)
    const label = results.labels[index]
    return element('span', { class: `mark l${results.model.head.link === 'logistic' ? label : 0}` }, labelText(results.model.head.classes[label]))
  }

  #draw() {
    const results = this.#results
    this.#isDirty = false
    if (results === null) return
    this.#headings()
    const { head } = results.model
    const usable = results.rows.length - results.bad
    const counts = results.counts()
    const positive = `${number(counts[1])} of ${number(usable)}`
    const share = usable === 0 ? '' : ` (${(100 * counts[1] / usable).toFixed(1)} %)`
    const { threshold } = results
    this.#histogram.show(results.histogram(), threshold, `${threshold}: ${positive} predicted ${labelText(head.classes[1])}`)
    byId('histogram-title').textContent = `Probability of class ${labelText(head.classes[results.shownClass])} over ${number(usable)} ${usable === 1 ? 'row' : 'rows'}.${threshold === null ? '' : ' Drag the line, or move it with the arrow keys.'}`
    byId('count').replaceChildren(element('strong', {}, positive), `${share} predicted ${labelText(head.classes[1])}`)
    byId('rule').textContent = threshold === 0.5
      ? 'Predicted where the decision is above 0, as scikit-learn does.' : 'Predicted where the probability is above the threshold.'
    this.#drawThreshold(threshold)
    const order = results.arranged(this.#view)
    this.#table.show(order, this.#view)
    byId('shown').textContent = `${number(order.length)} of ${number(results.rows.length)} rows`
    byId('text-filter').hidden = results.model.encoder === null
    byId('bad-warning').hidden = results.bad === 0
    byId('bad-warning').textContent = `${number(results.bad)} of ${number(results.rows.length)} records are not usable: choose "not usable" below to see why.`
  }

  /** @param {number | null} threshold */
  #drawThreshold(threshold) {
    if (document.activeElement !== byId('threshold')) setValue('threshold', String(threshold))
    const preset = /** @type {HTMLSelectElement} */ (byId('preset'))
    const isChosen = preset.value !== '' && this.#presets()[Number(preset.value)]?.[1] === threshold
    if (isChosen) return
    const index = this.#presets().findIndex(([, value]) => value === threshold)
    preset.value = index < 0 ? '' : String(index)
  }

  #download() {
    const results = /** @type {Results} */ (this.#results)
    const address = URL.createObjectURL(results.csv())
    const link = element('a', { href: address, download: `${results.model.name}-probabilities.csv` })
    link.click()
    setTimeout(() => URL.revokeObjectURL(address), 60000)
  }
}

/** @param {import('../../src/encode/index.js').SequenceFault} fault */
function badCell({ code, message, remedy }) {
  const text = remedy === null ? message : `${message}; ${remedy}`
  const title = `${registered(code)?.summary ?? ''}: ${text}`
  return element('span', { class: 'bad', title }, element('code', {}, code), ` ${text}`)
}

/**
 * @param {string | number} value
 * @param {string} text
 */
function option(value, text) {
  return element('option', { value }, text)
}

/**
 * @param {string} id
 * @param {string} value
 */
function setValue(id, value) {
  const field = /** @type {HTMLInputElement} */ (byId(id))
  if (field.value !== value) field.value = value
}

/**
 * @param {string} id
 * @param {string} type
 * @param {(field: HTMLInputElement) => void} act
 */
function listen(id, type, act) {
  const field = /** @type {HTMLInputElement} */ (byId(id))
  field.addEventListener(type, () => act(field))
}
