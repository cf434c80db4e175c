// Computes every expected value of the accept cases again and compares: `node conformance/oracle2/check.js [folder of manifest.json]`.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NonFiniteError, toHex } from './binary64.js'
import { inForce, readHead, readRows } from './files.js'
import { fastProfile } from './interval.js'
import { score, selfTestRow } from './score.js'

const SHOWN = 40

class Tally {
  values = 0
  differences = []

  /** Compare lists of words or labels, one by one. */
  compare(where, found, due) {
    const count = Math.max(found.length, due.length)
    for (let i = 0; i < count; i++) {
      this.values += 1
      const [a, b] = [found[i], due[i]].map((value) => JSON.stringify(value))
      if (a !== b) this.differences.push(`${where}/${i}: the second oracle says ${a}, the case ${b}`)
    }
  }
}

function checkCase(tally, id, folder) {
  const record = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
  if (record.kind !== 'accept') return
  const head = readHead(folder)
  head.selfTest.forEach((due, j) => {
    const { decisions, probabilities } = score(selfTestRow(j, head.coef[0].length, head.seeds[j]), head, head.threshold)
    tally.compare(`${id}: self_test/${j}/decision`, decisions.map(toHex), due.decision)
    tally.compare(`${id}: self_test/${j}/probability`, probabilities.map(toHex), due.probability)
  })
  record.predictions.forEach((due, i) => checkPrediction(tally, `${id}: predictions/${i}`, folder, head, due))
}

function checkPrediction(tally, where, folder, head, due) {
  if (due.error !== undefined) {
    if (due.error.code === 'DECISION_NONFINITE') checkOverflow(tally, where, head, readRows(folder, due.x), due.error)
    return
  }
  const threshold = inForce(head, due)
  const rows = readRows(folder, due.x)
  const scores = rows.map((row) => score(row, head, threshold))
  tally.compare(`${where}/decision`, scores.flatMap((s) => s.decisions.map(toHex)), due.decision)
  tally.compare(`${where}/probability`, scores.flatMap((s) => s.probabilities.map(toHex)), due.probability)
  tally.compare(`${where}/labels`, scores.map((s) => head.labels[s.label]), due.labels)
  checkFast(tally, `${where}/fast`, fastProfile(rows, head, threshold), due.fast)
}

function checkFast(tally, where, found, due) {
  if (found === null || due === null) {
    tally.compare(where, [found], [due])
    return
  }
  tally.compare(`${where}/decision`, found.decision.flat(), due.decision.flat())
  tally.compare(`${where}/probability`, found.probability.flat(), due.probability.flat())
  tally.compare(`${where}/labels`, found.labels, due.labels)
}

function checkOverflow(tally, where, head, rows, error) {
  const first = rows.findIndex((row) => {
    try {
      score(row, head, head.threshold)
      return false
    } catch (failure) {
      if (failure instanceof NonFiniteError) return true
      throw failure
    }
  })
  tally.compare(`${where}/error`, [`/${first}`], [error.where])
}

function main(root) {
  const tally = new Tally()
  for (const { id, path } of JSON.parse(readFileSync(join(root, 'manifest.json'), 'utf8')).cases) {
    checkCase(tally, id, join(root, path))
  }
  for (const line of tally.differences.slice(0, SHOWN)) console.log(line)
  console.log(`oracles: ${tally.values} values, ${tally.differences.length} differ`)
  return tally.differences.length === 0 && tally.values > 0 ? 0 : 1
}

process.exitCode = main(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))
