// The table: only the rows in sight are in the document, so that 100,000 of them scroll.
import { byId, element } from './dom.js'

/** @typedef {import('./results.js').Column} Column */

const ROW_HEIGHT = 36
const OVERSCAN = 8
/** Browsers cannot make an element of any height; a longer table scrolls faster than its bar says. */
const MAXIMUM_HEIGHT = 8e6

/** @typedef {{column: Column, title: string, isNumber?: boolean}} Heading */

export class Table {
  #scroller = byId('scroller')
  #body = byId('rows')
  #table = byId('table')
  /** @type {number[]} */
  #order = []
  /** @type {(index: number) => (Node | string)[]} */
  #cells = () => []
  /** @type {Heading[]} */
  #headings = []
  #isDue = false

  /** @param {(column: Column) => void} onSort */
  constructor(onSort) {
    this.onSort = onSort
    this.#scroller.addEventListener('scroll', () => this.#draw())
    new ResizeObserver(() => this.#draw()).observe(this.#scroller)
  }

  /**
   * @param {Heading[]} headings
   * @param {(index: number) => (Node | string)[]} cells of a row, one a heading
   */
  columns(headings, cells) {
    this.#headings = headings
    this.#cells = cells
    byId('columns').replaceChildren(...headings.map(({ column, title, isNumber = false }) => {
      const button = element('button', { type: 'button' }, title, element('span', { class: 'arrow', 'aria-hidden': 'true' }))
      button.addEventListener('click', () => this.onSort(column))
      return element('th', { scope: 'col', class: isNumber && 'number', 'data-column': column }, button)
    }))
  }

  /**
   * @param {number[]} order indices of rows
   * @param {{sort: Column, descending: boolean}} view
   */
  show(order, { sort, descending }) {
    this.#order = order
    for (const heading of byId('columns').children) {
      if (heading.getAttribute('data-column') === sort) heading.setAttribute('aria-sort', descending ? 'descending' : 'ascending')
      else heading.removeAttribute('aria-sort')
    }
    this.#table.setAttribute('aria-rowcount', String(order.length + 1))
    this.#draw()
  }

  toTop() {
    this.#scroller.scrollTop = 0
  }

  #draw() {
    if (this.#isDue) return
    this.#isDue = true
    requestAnimationFrame(() => {
      this.#isDue = false
      this.#drawNow()
    })
  }

  #drawNow() {
    const { scrollTop, clientHeight } = this.#scroller
    const whole = this.#order.length * ROW_HEIGHT
    const height = Math.min(whole, MAXIMUM_HEIGHT)
    const ratio = height > clientHeight ? (whole - clientHeight) / (height - clientHeight) : 1
    const position = Math.min(scrollTop * ratio, Math.max(0, whole - clientHeight))
    const first = Math.max(0, Math.floor(position / ROW_HEIGHT) - OVERSCAN)
    const last = Math.min(this.#order.length, Math.ceil((position + clientHeight) / ROW_HEIGHT) + OVERSCAN)
    const top = Math.max(0, scrollTop - (position - first * ROW_HEIGHT))
    const below = Math.max(0, height - top - (last - first) * ROW_HEIGHT)
    this.#body.replaceChildren(spacer(top), ...this.#order.slice(first, last).map((index, i) => this.#row(index, first + i)), spacer(below))
  }

  /**
   * @param {number} index
   * @param {number} place
   */
  #row(index, place) {
    const cells = this.#cells(index)
    const made = element('tr', { 'aria-rowindex': place + 2, 'data-row': index })
    this.#headings.forEach(({ column, isNumber = false }, i) => {
      made.append(element('td', { class: `${column}${isNumber ? ' number' : ''}` }, cells[i]))
    })
    return made
  }
}

/** @param {number} height */
function spacer(height) {
  const made = element('tr', { class: 'spacer', 'aria-hidden': 'true' })
  // By the object model: a style attribute in markup is what the policy forbids.
  made.style.height = `${height}px`
  made.hidden = height === 0
  return made
}
