// Results as text: the JSON lines and the CSV of `plmhead predict` in every language.
import { json, scoreMembers } from '../print.js'

/** @typedef {import('../head.js').Head} Head */
/** @typedef {import('../arrays.js').Label} Label */
/** @typedef {import('./bundle.js').Result} Result */

/**
 * One object, without a line feed.
 * @param {Head} head
 * @param {Result} result
 */
export function jsonLine(head, { row, line, id, sequence, label, decision, probability, error }) {
  if (error !== null) {
    const { code, message, position } = error
    return json({ row, id, line, error: { code, message, position } })
  }
  const [z, p] = /** @type {(number | number[])[]} */ ([decision, probability])
  return json({ row, id, sequence, ...scoreMembers(head, /** @type {Label} */ (label), z, p) })
}

/**
 * @typedef {object} Columns
 * @property {boolean} ids whether there is a column `id`
 * @property {boolean} errors whether there is a column `error`
 */

/**
 * The names of the columns, without a line feed.
 * @param {Head} head
 * @param {Columns} columns
 */
export function csvHeader(head, columns) {
  return namesOf(head, columns).map(quoted).join(',')
}

/**
 * One row, without a line feed.
 * @param {Head} head
 * @param {Result} result
 * @param {Columns} columns
 */
export function csvLine(head, { line, id, sequence, label, decision, probability, error }, columns) {
  const ids = columns.ids ? [id ?? ''] : []
  if (error !== null) {
    const blank = Array(namesOf(head, columns).length - ids.length - 1).fill('')
    return [...ids, ...blank, `line ${line}: ${error.code}: ${error.message}`].map(quoted).join(',')
  }
  const numbers = [probability, decision].flat().map((value) => decimal(/** @type {number} */ (value)))
  const cells = [...ids, sequence ?? '', labelText(head, /** @type {Label} */ (label)), ...numbers, ...(columns.errors ? [''] : [])]
  return cells.map(quoted).join(',')
}

/**
 * @param {Head} head
 * @param {Columns} columns
 */
function namesOf(head, { ids, errors }) {
  const suffixes = head.link === 'logistic' ? [''] : head.classes.map((label) => `_${labelText(head, label)}`)
  return [
    ...(ids ? ['id'] : []), 'sequence', 'predicted_label',
    ...['probability', 'decision'].flatMap((part) => suffixes.map((suffix) => part + suffix)),
    ...(errors ? ['error'] : []),
  ]
}

/**
 * As Python prints it.
 * @param {Head} head
 * @param {Label} label
 */
function labelText(head, label) {
  if (typeof label === 'boolean') return label ? 'True' : 'False'
  return head.labelType === 'float' ? `${label}.0` : String(label)
}

/** @param {string} cell */
function quoted(cell) {
  return /[,"\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

/**
 * The shortest decimal that reads back to the same number, written as in Rust: `1.0`, `0.0001`, `1e-5`, `1e16`.
 * @param {number} value
 */
export function decimal(value) {
  const magnitude = Math.abs(value)
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) return value.toExponential().replace('e+', 'e')
  if (Object.is(value, -0)) return '-0.0'
  return Number.isInteger(value) ? `${value}.0` : String(value)
}
