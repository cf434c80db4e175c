// What the page says of a model, and of a fault.
import { byId, element } from './dom.js'
import { explained } from './faults.js'

/** @typedef {import('./worker.js').Model} Model */

/** With a hyphen that does not break the line. @param {number} value */
const small = (value) => (value === 0 ? '0' : value.toExponential(1).replace('-', '\u2011'))

/** @param {unknown} label */
export const labelText = (label) => String(label)

/** @param {Model} model */
export function showModel(model) {
  const { name, head, encoder, trainedOn, assayThresholds } = model
  const facts = [
    ['Head', name],
    ['Format', head.formatVersion === '0' ? 'version 0' : head.formatVersion],
    ['Self-test', selfTestText(model), head.verified],
    ['Golden check', goldenText(model), encoder !== null],
    ['Encoder', encoder?.name ?? (trainedOn === null ? 'none here' : `none here; trained on ${trainedOn}`)],
    ['Features', String(head.nFeaturesIn)],
    ['Classes', head.classes.map(labelText).join(', ')],
    ['Thresholds', head.threshold === null ? 'none: softmax' : [`own ${head.threshold}`, ...assayThresholds.slice(0, 4).map(([assay, t]) => `${assay} ${t}`), ...(assayThresholds.length > 4 ? ['more below'] : [])].join(', ')],
  ]
  byId('facts').replaceChildren(...facts.map(([term, text, isPassed]) => {
    const passed = isPassed === true ? [element('span', { class: 'passed', 'aria-hidden': 'true' }, '✓ ')] : []
    return element('div', {}, element('dt', {}, String(term)), element('dd', {}, ...passed, String(text)))
  }))
  const warnings = warningsOf(model)
  byId('model-warning').textContent = warnings.join(' ')
  byId('model-warning').hidden = warnings.length === 0
  byId('model-facts').hidden = false
  byId('model').classList.add('open')
}

/** @param {Model} model */
function selfTestText({ head, selfTests }) {
  return head.verified ? `passed: ${selfTests} inputs, same bits` : 'none: version 0 has no self-test'
}

/** @param {Model} model */
function goldenText({ encoder }) {
  if (encoder === null) return 'none: no encoder to check'
  const { sequences, embedding, decision, slack } = encoder.proof
  return `passed: ${sequences} sequences, largest difference ${small(Math.max(embedding, decision))}, allowed ${small(slack)}`
}

/** @param {Model} model */
function warningsOf({ head, encoder }) {
  const warnings = []
  if (!head.verified) warnings.push('Version 0 has no digests and no self-test: nothing shows that the files are whole.')
  if (encoder?.isRandom) warnings.push('The encoder has random weights: for trying things, not for science.')
  if (encoder?.tooLong === 'truncate') warnings.push('Sequences of more than 1,022 residues are cut, as in training.')
  return warnings
}

/**
 * @param {string} place the id of an element of role alert
 * @param {import('./faults.js').Fault | null} fault none clears it
 */
export function showFault(place, fault) {
  if (fault === null) return byId(place).replaceChildren()
  const { title, code, where, detail, remedy } = explained(fault)
  const rows = [['What', detail], ['Where', where], ['Remedy', remedy]].flatMap(([term, text]) => {
    return text === null ? [] : [element('div', {}, element('dt', {}, String(term)), element('dd', {}, String(text)))]
  })
  byId(place).replaceChildren(element('div', { class: 'fault' }, element('p', {}, element('code', { class: 'code' }, code), ` ${title}`), element('dl', {}, ...rows)))
}
