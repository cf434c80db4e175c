// The command `predict`: a bundle and a table of sequences in, JSON lines or CSV out. Loaded when it is asked for.
import { once } from 'node:events'
import { csvHeader, csvLine, jsonLine } from './encode/index.js'
import { openFolder, openTable } from './encode/node.js'
import { printable } from './print.js'

/**
 * @typedef {object} Predict
 * @property {string} folder of the bundle
 * @property {string} table `-` is FASTA on standard input
 * @property {'jsonl' | 'csv'} format
 * @property {'stop' | 'skip' | 'report'} onError
 * @property {number} batchSize
 * @property {string} column
 * @property {number | null} threshold
 * @property {string | undefined} assayType
 */

/**
 * Loads the bundle, which proves itself, and streams the table.
 * @param {Predict} predict
 * @param {import('node:stream').Writable} output
 */
export async function runPredict({ folder, table, format, onError, batchSize, column, threshold, assayType }, output) {
  const bundle = await openFolder(folder)
  bundle.head.score(new Float32Array(), { threshold, assayType }) // a bad threshold is said before the table is opened
  if (bundle.hasRandomWeights) warn(`the encoder ${bundle.encoder.name} has random weights: for trying things, not for science`)
  const { name, records } = openTable(table, { column })
  const counts = { done: 0, read: 0, bad: 0 }
  const results = bundle.predict(records, {
    name, batchSize, threshold, assayType,
    // Whether there are ids is said by the first record, even if it is left out.
    onError: onError === 'stop' ? 'stop' : 'report',
    onProgress: (progress) => showProgress(Object.assign(counts, progress).done),
  })
  /** @type {import('./encode/lines.js').Columns | null} */
  let columns = null
  for await (const result of results) {
    if (columns === null) {
      columns = { ids: result.id !== null, errors: onError === 'report' }
      if (format === 'csv') await print(output, csvHeader(bundle.head, columns))
    }
    if (result.error !== null && onError === 'skip') continue
    await print(output, format === 'csv' ? csvLine(bundle.head, result, columns) : jsonLine(bundle.head, result))
  }
  showProgress(counts.done, true)
  if (counts.bad > 0) warn(`${counts.bad} of ${counts.read} records are not usable`)
  await bundle.release()
}

/**
 * @param {import('node:stream').Writable} output
 * @param {string} text
 */
async function print(output, text) {
  if (!output.write(`${text}\n`)) await once(output, 'drain')
}

/** @param {string} text */
function warn(text) {
  console.error(`plmhead: warning: ${printable(text)}`)
}

/**
 * A counter on one line of a terminal; silent when standard error goes elsewhere.
 * @param {number} rows
 */
function showProgress(rows, isLast = false) {
  if (process.stderr.isTTY) process.stderr.write(`\rpredict: ${rows} records${isLast ? '\n' : ''}`)
}
