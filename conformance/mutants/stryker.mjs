// The mutants that Stryker makes of one file, one JSON object a line: operator, start and end ([line, column], both from 0, columns in
// UTF-16 units), replacement, message (true: a string that only the text of a message has).
import { readFileSync } from 'node:fs'
import { parse } from '@babel/parser'
import { createInjector } from 'typed-inject'
import { createInstrumenter } from '@stryker-mutator/instrumenter'

/** The arguments that are words for people, by the name of what is called. */
const WORDS = new Map(Object.entries({
  FormatError: [2, 3], InputError: [2, 3], zipError: [2, 3], wrong: [0, 1], found: [0], labelError: [0, 1], shapeError: [0, 1],
  fieldError: [3], fail: [1, 2], expectEqual: [3], check: [2], string: [1], number: [1], boolean: [1], typed: [2],
}))

/** Locations of those arguments, from 0 as Stryker counts. */
function* words(node) {
  if (node === null || typeof node !== 'object') return
  if (node.type === 'CallExpression' || node.type === 'NewExpression') {
    const name = node.callee.name ?? node.callee.property?.name
    for (const at of WORDS.get(name) ?? []) if (node.arguments[at]) yield node.arguments[at].loc
  }
  for (const [name, part] of Object.entries(node)) if (name !== 'loc') yield* words(part)
}

const place = ({ line, column }) => [line, column]
const before = ([line, column], [otherLine, otherColumn]) => line < otherLine || (line === otherLine && column <= otherColumn)

const [name] = process.argv.slice(2)
const content = readFileSync(name, 'utf8')
const texts = [...words(parse(content, { sourceType: 'module', startLine: 0 }).program)]
const logger = { isTraceEnabled: () => false, isDebugEnabled: () => false }
for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) logger[level] = () => {}
const instrumenter = createInjector().provideValue('logger', logger).injectFunction(createInstrumenter)
const { mutants } = await instrumenter.instrument([{ name, mutate: true, content }], { ignorers: [], excludedMutations: [], plugins: null })
for (const { mutatorName, location, replacement } of mutants) {
  const [start, end] = [place(location.start), place(location.end)]
  const within = texts.some((text) => before(place(text.start), start) && before(end, place(text.end)))
  console.log(JSON.stringify({ operator: mutatorName, start, end, replacement, message: mutatorName === 'StringLiteral' && within }))
}
