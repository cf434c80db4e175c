// The histogram of probabilities and its threshold line: dragged by mouse or finger, moved by keys.
import { byId, svg } from './dom.js'

/** In pixels: the drawing is as wide as its place, so that its text has one size everywhere. */
const [HEIGHT, LEAST_WIDTH] = [270, 260]
const [LEFT, RIGHT, TOP, BOTTOM] = [46, 18, 30, 42]
const FLOOR = HEIGHT - BOTTOM
const STEPS = new Map([['ArrowLeft', -0.01], ['ArrowDown', -0.01], ['ArrowRight', 0.01], ['ArrowUp', 0.01], ['PageDown', -0.1], ['PageUp', 0.1]])

const rounded = (/** @type {number} */ p) => Math.round(Math.min(1, Math.max(0, p)) * 1000) / 1000

export class Histogram {
  #svg = /** @type {SVGSVGElement} */ (/** @type {unknown} */ (byId('histogram')))
  #inner = 0
  #axes = svg('g', { 'aria-hidden': 'true' })
  #bars = svg('g', { 'aria-hidden': 'true' })
  #text = svg('text', { class: 'value middle', y: 16 })
  #line = svg('line', { class: 'line', y1: TOP - 4, y2: FLOOR })
  #grip = svg('circle', { class: 'grip', cy: TOP + 2, r: 8 })
  #zone = svg('rect', { class: 'zone', y: 0, width: 44, height: FLOOR })
  #handle
  #threshold = 0
  #redraw = () => {}
  #isDragged = false

  /** @param {(threshold: number) => void} onThreshold */
  constructor(onThreshold) {
    this.onThreshold = onThreshold
    this.#handle = svg('g', {
      class: 'handle', id: 'handle', tabindex: 0, role: 'slider', 'aria-label': 'Threshold', 'aria-valuemin': 0, 'aria-valuemax': 1, 'aria-orientation': 'horizontal',
    }, this.#zone, this.#line, this.#grip, this.#text)
    this.#svg.replaceChildren(this.#axes, this.#bars, this.#handle)
    this.#listen()
    // Results may be drawn before the first word of the observer.
    this.#resize(LEAST_WIDTH)
    new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect.width)).observe(/** @type {HTMLElement} */ (this.#svg.parentElement))
  }

  /** @param {number} place the width there is */
  #resize(place) {
    if (place === 0) return
    const width = Math.max(LEAST_WIDTH, Math.floor(place))
    this.#inner = width - LEFT - RIGHT
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    this.#drawAxes()
    this.#redraw()
  }

  /** @param {number} p */
  #xOf(p) {
    return LEFT + p * this.#inner
  }

  #drawAxes() {
    const right = this.#xOf(1)
    const axes = [svg('text', { class: 'middle title', x: this.#xOf(0.5), y: HEIGHT - 4 }, 'probability')]
    axes.push(svg('line', { class: 'axis', x1: LEFT, x2: right, y1: FLOOR + 0.5, y2: FLOOR + 0.5 }))
    for (const p of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      const x = this.#xOf(p)
      axes.push(svg('line', { class: 'axis', x1: x, x2: x, y1: FLOOR, y2: FLOOR + 5 }), svg('text', { class: 'middle', x, y: FLOOR + 20 }, String(p)))
    }
    this.#axes.replaceChildren(...axes)
  }

  #listen() {
    this.#svg.addEventListener('pointerdown', (event) => {
      if (this.#handle.hasAttribute('hidden') || event.button !== 0) return
      this.#svg.setPointerCapture(event.pointerId)
      this.#isDragged = true
      this.#handle.focus()
      this.#moveTo(event)
      event.preventDefault()
    })
    this.#svg.addEventListener('pointermove', (event) => {
      if (this.#isDragged) this.#moveTo(event)
    })
    for (const type of ['pointerup', 'pointercancel']) this.#svg.addEventListener(type, () => { this.#isDragged = false })
    this.#handle.addEventListener('keydown', (event) => {
      const step = STEPS.get(event.key)
      const edge = event.key === 'Home' ? 0 : event.key === 'End' ? 1 : null
      if (step === undefined && edge === null) return
      event.preventDefault()
      this.#setThreshold(edge ?? rounded(this.#threshold + /** @type {number} */ (step) * (event.shiftKey ? 10 : 1)))
    })
  }

  /** @param {PointerEvent} event */
  #moveTo({ clientX }) {
    const { left, width } = this.#svg.getBoundingClientRect()
    const x = (clientX - left) * (this.#xOf(1) + RIGHT) / width
    this.#setThreshold(rounded((x - LEFT) / this.#inner))
  }

  /**
   * Known here at once, drawn with the next frame: a second key before that frame steps from it.
   * @param {number} threshold
   */
  #setThreshold(threshold) {
    this.#threshold = threshold
    this.onThreshold(threshold)
  }

  /**
   * @param {number[]} bins counts, of equal width from 0 to 1
   * @param {number | null} threshold none for a softmax head
   * @param {string} valueText for a screen reader
   */
  show(bins, threshold, valueText) {
    this.#redraw = () => this.#draw(bins, threshold, valueText)
    this.#redraw()
  }

  /**
   * @param {number[]} bins
   * @param {number | null} threshold
   * @param {string} valueText
   */
  #draw(bins, threshold, valueText) {
    const most = Math.max(1, ...bins)
    const width = this.#inner / bins.length
    const marks = [0, most].map((count) => svg('text', { class: 'end', x: LEFT - 8, y: yOf(count / most) + 4 }, count.toLocaleString('en')))
    const grid = [0.5, 1].map((share) => svg('line', { class: 'grid', x1: LEFT, x2: this.#xOf(1), y1: yOf(share), y2: yOf(share) }))
    const bars = bins.flatMap((count, i) => {
      if (count === 0) return []
      const top = Math.min(yOf(count / most), FLOOR - 1.5)
      const isAbove = threshold !== null && (i + 0.5) / bins.length > threshold
      return [svg('rect', { class: isAbove ? 'bar s1' : 'bar s0', x: this.#xOf(i / bins.length) + 0.5, y: top, width: width - 1, height: FLOOR - top })]
    })
    this.#bars.replaceChildren(...grid, ...marks, ...bars)
    this.#handle.toggleAttribute('hidden', threshold === null)
    this.#svg.classList.toggle('drags', threshold !== null)
    if (threshold !== null) this.#showThreshold(threshold, valueText)
  }

  /**
   * @param {number} threshold
   * @param {string} valueText
   */
  #showThreshold(threshold, valueText) {
    this.#threshold = threshold
    const x = this.#xOf(threshold)
    this.#zone.setAttribute('x', String(x - 22))
    this.#line.setAttribute('x1', String(x))
    this.#line.setAttribute('x2', String(x))
    this.#grip.setAttribute('cx', String(x))
    this.#text.setAttribute('x', String(Math.min(Math.max(x, LEFT + 14), this.#xOf(1) - 14)))
    this.#text.textContent = String(threshold)
    this.#handle.setAttribute('aria-valuenow', String(threshold))
    this.#handle.setAttribute('aria-valuetext', valueText)
  }
}

/** @param {number} share of the highest bar */
function yOf(share) {
  return FLOOR - share * (FLOOR - TOP - 6)
}
