// Predicts a table several times in Node: node rounds.js RUNTIME BUNDLE TABLE ROUNDS. Prints the seconds of each round.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { readTable } from '../../src/encode/index.js'
import { openFolder } from '../../src/encode/node.js'

const [runtime, folder, table, rounds] = process.argv.slice(2)
const bundle = await openFolder(folder, { runtime: await import(runtime) })
const text = readFileSync(table, 'utf8')
const seconds = []
for (let round = 0; round < Number(rounds); round += 1) {
  const start = performance.now()
  let count = 0
  for await (const { decision } of bundle.predict(readTable(text, { name: basename(table) }))) count += Number.isFinite(decision)
  if (count === 0) throw new Error('no results')
  seconds.push((performance.now() - start) / 1000)
}
console.log(JSON.stringify({ seconds }))
