// The page: what is given goes to the worker, what the worker says is shown.
import { droppedFiles, formatOf } from '../../src/encode/index.js'
import { byId } from './dom.js'
import { showFault, showModel } from './facts.js'
import { faultOf } from './faults.js'
import { pairOf, sorted } from './given.js'
import { Work } from './job.js'
import { Results } from './results.js'
import { ResultsView } from './view.js'

/** @typedef {import('./worker.js').Model} Model */
/** @typedef {import('./worker.js').Task} Task */

const LARGEST_MATRIX = 2 ** 31
/** A browser's own way to paste takes seconds for more. */
const LONG_PASTE = 10000

const view = new ResultsView()
/** @type {Model | null} */
let model = null
/** @type {Results | null} */
let results = null
/** @type {File[]} halves of a head that wait for the other one */
let waiting = []
/** @type {File | null} given with a model, for when it is open */
let next = null
/** @type {'model' | 'input'} */
let part = 'model'

const work = new Work({
  progress({ text, done, total }) {
    byId('work-text').textContent = total === undefined ? text : `${text}: ${shown(done ?? 0, total)}`
    const bar = /** @type {HTMLProgressElement} */ (byId('bar'))
    if (total === undefined) bar.removeAttribute('value')
    else bar.value = total === 0 ? 1 : (done ?? 0) / total
  },
  rows(given) {
    results?.add(given)
    view.refresh()
  },
  opened(end) {
    model = end.model
    const passed = [...(model.head.verified ? ['self-test'] : []), ...(model.encoder === null ? [] : ['golden check'])]
    idle(`${model.name} is open${passed.length === 0 ? '' : `: ${passed.join(' and ')} passed`}`)
    showModel(model)
    byId('input').hidden = false
    byId('sequence-input').hidden = model.encoder === null
    byId('matrix-input').hidden = model.encoder !== null
    byId('matrix-shape').textContent = `(rows, ${model.head.nFeaturesIn})`
    const file = next
    next = null
    if (file !== null) give([file])
  },
  finished() {
    const count = results?.rows.length ?? 0
    idle(`Done: ${count} rows`)
    view.refresh()
    byId('results-title').focus()
  },
  stopped() {
    idle('Stopped')
    view.refresh()
  },
  failed({ fault }) {
    idle('')
    showFault(`${part}-error`, fault)
    if (part === 'input' && results?.rows.length === 0) view.begin(null)
  },
})

/**
 * @param {number} done
 * @param {number} total
 */
function shown(done, total) {
  return total > 1e6 ? `${Math.floor(100 * done / total)} %` : `${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
}

/** @param {string} status for a screen reader */
function idle(status) {
  byId('work').hidden = true
  byId('status').textContent = status
}

/**
 * @param {'model' | 'input'} whose
 * @param {Task} task
 */
function start(whose, task) {
  part = whose
  showFault('model-error', null)
  showFault('input-error', null)
  byId('work').hidden = false
  byId('work-text').textContent = 'Starting'
  byId('status').textContent = 'Working'
  byId('bar').removeAttribute('value')
  if (whose === 'model') {
    model = null
    byId('model-facts').hidden = true
    byId('model').classList.remove('open')
    byId('input').hidden = true
  }
  results = whose === 'input' && model !== null ? new Results(model) : null
  view.begin(results)
  work.stop()
  work.start(task)
}

/**
 * @param {'model' | 'input'} whose
 * @param {() => void} act
 */
function guarded(whose, act) {
  try {
    act()
  } catch (error) {
    showFault(`${whose}-error`, faultOf(error))
  }
}

/** @param {File[]} files whatever was dropped or chosen */
function give(files) {
  if (files.length === 0) return
  const { bundle, pair, matrices, tables, others } = sorted(files)
  next = matrices[0] ?? tables[0] ?? null
  if (bundle !== null) return start('model', { do: 'openBundle', files: bundle })
  if (pair.length > 0) return guarded('model', () => givePair(pair))
  const file = next
  next = null
  if (file === null) return guarded(model === null ? 'model' : 'input', () => void formatOf(others[0].name))
  if (model === null) next = file
  guarded(model === null ? 'model' : 'input', () => giveInput(file))
}

/** @param {File[]} files */
function givePair(files) {
  const halves = [...waiting]
  waiting = files.length === 1 ? files : []
  start('model', { do: 'openPair', ...pairOf(files, halves) })
  waiting = []
}

/** @param {File} file */
function giveInput(file) {
  const isMatrix = /\.npy$/i.test(file.name)
  if (model === null) throw fault('ARGUMENT', file.name, 'found no model, expected one: drop it above, this file is kept for it')
  if (isMatrix && file.size > LARGEST_MATRIX) throw fault('FILE_SIZE', file.name, `found ${file.size} bytes, expected at most ${LARGEST_MATRIX}`)
  if (isMatrix) return start('input', { do: 'score', file })
  if (model.encoder === null) {
    throw fault('ENCODER', file.name, 'found sequences and a head without an encoder, expected its bundle, or embeddings as a .npy file')
  }
  start('input', { do: 'predict', input: file, name: file.name, format: formatOf(file.name), column: column() })
}

function giveText() {
  const text = /** @type {HTMLTextAreaElement} */ (byId('text')).value
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  const isBare = lines.length > 0 && lines[0].trim() !== column() && lines.every((line) => /^[^>,"]*$/.test(line))
  const format = text.trimStart().startsWith('>') || lines.length === 0 ? 'fasta' : isBare ? 'lines' : 'csv'
  start('input', { do: 'predict', input: text, name: 'the text above', format, column: column() })
}

function column() {
  return /** @type {HTMLInputElement} */ (byId('column')).value.trim()
}

/**
 * @param {string} code
 * @param {string} where
 * @param {string} message
 */
function fault(code, where, message) {
  return Object.assign(new Error(message), { code, where, remedy: null })
}

for (const [button, field] of [
  ['choose-folder', 'folder-input'], ['choose-model', 'model-input'], ['choose-table', 'table-input'], ['choose-matrix', 'matrix-file'],
]) {
  const input = /** @type {HTMLInputElement} */ (byId(field))
  byId(button).addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    const files = [...input.files ?? []]
    input.value = '' // so that the same file can be chosen again
    give(files)
  })
}
byId('predict').addEventListener('click', giveText)
byId('text').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) giveText()
})
byId('text').addEventListener('paste', (event) => {
  const text = event.clipboardData?.getData('text/plain') ?? ''
  if (text.length < LONG_PASTE) return
  event.preventDefault()
  const field = /** @type {HTMLTextAreaElement} */ (byId('text'))
  field.setRangeText(text, field.selectionStart, field.selectionEnd, 'end')
})
byId('stop').addEventListener('click', () => work.stop())

let depth = 0
addEventListener('dragenter', (event) => {
  if (!event.dataTransfer?.types.includes('Files')) return
  depth += 1
  byId('drop').hidden = false
})
addEventListener('dragleave', () => {
  depth = Math.max(0, depth - 1)
  byId('drop').hidden = depth === 0
})
addEventListener('dragover', (event) => event.preventDefault())
addEventListener('drop', async (event) => {
  event.preventDefault()
  depth = 0
  byId('drop').hidden = true
  if (event.dataTransfer !== null) give(await droppedFiles(event.dataTransfer))
})
