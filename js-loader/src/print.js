// JSON as the command lines print it: compact, members in their order, what would steer a terminal escaped.
import { bitsOf } from './score.js'

/** @typedef {import('./head.js').Head} Head */
/** @typedef {import('./arrays.js').Label} Label */

// What no terminal gets raw: control and format characters, separators of lines, characters without width, for private use, and
// none. The same ranges as in the other command lines, so that their output is equal by bytes.
const HIDDEN = new RegExp(
  '[\\0-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890-\\u0891\\u08e2\\u115f-\\u1160\\u17b4-\\u17b5' +
    '\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\uf8ff\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff' +
    '\\uffa0\\ufff0-\\ufffb\\ufffe-\\uffff\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}' +
    '\\u{1d173}-\\u{1d17a}\\u{1fffe}-\\u{1ffff}\\u{2fffe}-\\u{2ffff}\\u{3fffe}-\\u{3ffff}\\u{40000}-\\u{10ffff}]', 'gu')

/**
 * The text with hidden characters as JSON escapes them.
 * @param {string} text
 */
export function printable(text) {
  return text.replace(HIDDEN, (hidden) => {
    const units = hidden.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    return units.join('')
  })
}

class Verbatim {
  /** @param {string} text */
  constructor(text) {
    this.text = text
  }
}

/**
 * @param {Head} head
 * @param {Label} label
 */
export function labelJson(head, label) {
  return head.labelType === 'float' ? new Verbatim(`${label}.0`) : label
}

/**
 * JSON.stringify cannot write a BigInt, `1.0` or `-0.0`.
 * @param {unknown} value
 * @returns {string}
 */
export function json(value) {
  if (value instanceof Verbatim) return value.text
  if (typeof value === 'bigint') return String(value)
  if (Object.is(value, -0)) return '-0.0'
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`
  if (typeof value !== 'object' || value === null) return printable(JSON.stringify(value))
  const entries = value instanceof Map ? [...value] : Object.entries(value)
  return `{${entries.map(([name, item]) => `${json(name)}:${json(item)}`).join(',')}}`
}

/**
 * The members of a row: plain values for a logistic head, whose probability is that of class 1, and arrays for a softmax head.
 * @param {Head} head
 * @param {Label} label
 * @param {number | number[]} decision
 * @param {number | number[]} probability
 */
export function scoreMembers(head, label, decision, probability) {
  const bits = (/** @type {number | number[]} */ values) => (Array.isArray(values) ? values.map(bitsOf) : bitsOf(values))
  return { label: labelJson(head, label), decision, probability, decision_bits: bits(decision), probability_bits: bits(probability) }
}
