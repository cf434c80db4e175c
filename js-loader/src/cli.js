#!/usr/bin/env node
// The command line of docs/command-line.md.
import { closeSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { isEncodeError } from './encode/faults.js'
import { isFormatError, isInputError } from './errors.js'
import { loadFile, loadPair, pairPaths, readNpy } from './node.js'
import { json, labelJson, printable, scoreMembers } from './print.js'
import { sha256 } from './sha256.js'
import { errorMembers, runTestee } from './testee.js'
import { VERSION } from './version.js'

/** @typedef {import('node:stream').Writable} Writable */
/** @typedef {import('./head.js').Head} Head */
/** @typedef {import('./arrays.js').Label} Label */
/** @typedef {{operands: string[], options: Map<string, string>}} Arguments */

const USAGE = `usage: plmhead inspect ARTIFACT [--json]
       plmhead verify ARTIFACT [--require-verified] [--json]
       plmhead score ARTIFACT X.npy [--threshold T] [--assay-type NAME] [--out FILE] [--json]
       plmhead predict BUNDLE SEQUENCES [--format jsonl|csv] [--on-error stop|skip|report] [--batch-size N]
                       [--threshold T] [--assay-type NAME] [--sequence-column NAME]
       plmhead testee
       plmhead --help | --version

ARTIFACT is PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json. BUNDLE is the folder that \`plmhead bundle\` in Python made;
predict needs \`npm install onnxruntime-node\`. SEQUENCES is a .fasta, .fa, .faa or .csv file, or - for FASTA on standard input.`

const POOLING = "trained with the field's pooling, which counts the end token of every sequence shorter than its batch's longest"
const VERSION_0_WARNING = `version 0: no digests and no self-test; ${POOLING}`
const UPGRADED_WARNING = `upgraded from version 0: ${POOLING}`

/**
 * @typedef {object} Command
 * @property {number} operands
 * @property {string[]} flags options without a value
 * @property {string[]} values options with a value
 * @property {(given: Arguments) => void | Promise<void>} run
 */

/** @type {Record<string, Command>} */
const COMMANDS = {
  inspect: { operands: 1, flags: ['--json'], values: [], run: inspect },
  verify: { operands: 1, flags: ['--json', '--require-verified'], values: [], run: verify },
  score: { operands: 2, flags: ['--json'], values: ['--threshold', '--assay-type', '--out'], run: score },
  predict: {
    operands: 2, flags: [], run: predict,
    values: ['--format', '--on-error', '--batch-size', '--threshold', '--assay-type', '--sequence-column'],
  },
  testee: { operands: 0, flags: [], values: [], run: () => runTestee(process.stdin, process.stdout) },
}

class UsageError extends Error {}
class OutputError extends Error {}

/**
 * @param {string[]} words
 * @param {Command} command
 * @returns {Arguments}
 */
function parseArguments(words, command) {
  /** @type {Arguments} */
  const given = { operands: [], options: new Map() }
  const rest = [...words]
  let optionsEnd = false
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (optionsEnd || !word.startsWith('--')) given.operands.push(word)
    else if (word === '--') optionsEnd = true
    else readOption(word, rest, command, given.options)
  }
  if (given.operands.length !== command.operands) {
    throw new UsageError(`found ${given.operands.length} arguments, expected ${command.operands}`)
  }
  return given
}

/**
 * @param {string} word `--name` or `--name=value`
 * @param {string[]} rest
 * @param {Command} command
 * @param {Map<string, string>} options
 */
function readOption(word, rest, command, options) {
  const [, name, inline] = /** @type {RegExpExecArray} */ (/^([^=]*)(?:=([^]*))?$/.exec(word))
  if (options.has(name)) throw new UsageError(`${name} is given twice`)
  if (command.flags.includes(name)) {
    if (inline !== undefined) throw new UsageError(`${name} takes no value`)
    options.set(name, '')
    return
  }
  if (!command.values.includes(name)) throw new UsageError(`there is no option ${name}`)
  const value = inline ?? rest.shift()
  if (value === undefined) throw new UsageError(`${name} needs a value`)
  options.set(name, value)
}

/** @param {Arguments} given */
async function inspect({ operands: [artifact], options }) {
  const { name, npz, head } = loadPair(artifact)
  const isVersion0 = head.formatVersion === '0'
  const origin = isVersion0 ? 'version-0' : head.config.embedding?.origin ?? null
  const warnings = origin === 'version-0' ? [isVersion0 ? VERSION_0_WARNING : UPGRADED_WARNING] : []
  const { sklearn_version, C, penalty, solver, esm_model, esm_revision } = head.config
  const members = {
    name,
    format_version: head.formatVersion,
    verified: head.verified,
    model_type: head.config.model_type,
    link: head.link,
    n_features_in: head.nFeaturesIn,
    classes: head.classes.map((label) => labelJson(head, label)),
    n_iter: head.nIter,
    threshold: head.threshold,
    assay_thresholds: head.assayThresholds && new Map(head.assayThresholds),
    sklearn_version, C, penalty, solver, esm_model, esm_revision,
    embedding_origin: origin,
    npz_sha256: sha256(npz),
    warnings,
  }
  await print(process.stdout, options.has('--json') ? json(members) : lines(members))
}

/** @param {Arguments} given */
async function verify({ operands: [artifact], options }) {
  const { name } = pairPaths(artifact)
  const asJson = options.has('--json')
  try {
    const { formatVersion, verified } = loadFile(artifact, { requireVerified: options.has('--require-verified') })
    const members = { name, ok: true, format_version: formatVersion, verified }
    await print(process.stdout, asJson ? json(members) : lines(members))
  } catch (error) {
    if (!asJson || !isFormatError(error)) throw error
    process.exitCode = 1
    await print(process.stdout, json({ name, ok: false, ...errorMembers(error) }))
  }
}

/** @param {Arguments} given */
async function score({ operands: [artifact, xPath], options }) {
  const threshold = parseThreshold(options.get('--threshold'))
  const head = loadFile(artifact)
  const X = readNpy(xPath, head.nFeaturesIn)
  const { decision, probability, labels } = head.score(X, { threshold, assayType: options.get('--assay-type') })
  const rows = labels.map((label, row) => () => json(scoreLine(head, row, decision, probability, label)))
  const out = options.get('--out')
  if (out === undefined) for (const row of rows) await print(process.stdout, row())
  else writeWhole(out, rows)
}

/** @param {Arguments} given */
async function predict({ operands: [folder, table], options }) {
  const threshold = parseThreshold(options.get('--threshold'))
  const format = /** @type {'jsonl' | 'csv'} */ (parseWord('--format', options, ['jsonl', 'csv']))
  const onError = /** @type {'stop' | 'skip' | 'report'} */ (parseWord('--on-error', options, ['stop', 'skip', 'report']))
  const batch = options.get('--batch-size') ?? '8'
  if (!/^[1-9]\d{0,5}$/.test(batch)) throw new UsageError(`--batch-size: found ${batch}, expected a number from 1 to 999999`)
  const column = options.get('--sequence-column') ?? 'sequence'
  // Only here, because the runtime is a large library.
  const { runPredict } = await import('./predict.js')
  const assayType = options.get('--assay-type')
  await runPredict({ folder, table, format, onError, batchSize: Number(batch), column, threshold, assayType }, process.stdout)
}

/**
 * @param {string} name
 * @param {Map<string, string>} options
 * @param {string[]} words the first is the default
 */
function parseWord(name, options, words) {
  const word = options.get(name) ?? words[0]
  if (words.includes(word)) return word
  throw new UsageError(`${name}: found ${word}, expected ${words.join(' or ')}`)
}

/**
 * A file beside the named one, renamed when it is complete: an interrupted run leaves no half of a result under the name.
 * @param {string} path
 * @param {(() => string)[]} rows
 */
function writeWhole(path, rows) {
  const unfinished = `${path}.${process.pid}.unfinished`
  try {
    // The rename would replace a device such as /dev/null by a file.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('is no regular file')
    const file = openSync(unfinished, 'wx')
    try {
      for (const row of rows) writeFileSync(file, `${row()}\n`)
    } finally {
      closeSync(file)
    }
    renameSync(unfinished, path)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw new OutputError(`OUTPUT (${path}): ${/** @type {Error} */ (error).message}`)
  }
}

/**
 * @param {string | undefined} text
 * @returns {number | null}
 */
function parseThreshold(text) {
  if (text === undefined) return null
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text)
  throw new UsageError(`--threshold: found ${text}, expected a number`)
}

/**
 * @param {Head} head
 * @param {number} row
 * @param {Float64Array} decision
 * @param {Float64Array} probability
 * @param {Label} label
 */
function scoreLine(head, row, decision, probability, label) {
  const k = head.classes.length
  if (head.link === 'logistic') return { row, ...scoreMembers(head, label, decision[row], probability[2 * row + 1]) }
  const [z, p] = [decision, probability].map((values) => [...values.subarray(row * k, (row + 1) * k)])
  return { row, ...scoreMembers(head, label, z, p) }
}

/** @param {Record<string, unknown>} members */
function lines(members) {
  const width = Math.max(...Object.keys(members).map((name) => name.length))
  const bare = (/** @type {unknown} */ value) => (typeof value === 'string' && printable(value) === value ? value : json(value))
  return Object.entries(members).map(([name, value]) => `${name.padEnd(width)}  ${bare(value)}`).join('\n')
}

/**
 * @param {Writable} output
 * @param {string} text
 */
async function print(output, text) {
  if (!output.write(`${text}\n`)) await once(output, 'drain')
}

/** @param {string[]} words */
async function main([name, ...words]) {
  if (name === '--help' || name === '-h') return print(process.stdout, USAGE)
  if (name === '--version') return print(process.stdout, `plmhead ${VERSION}`)
  try {
    const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined
    if (command === undefined) throw new UsageError(name === undefined ? 'a command is due' : `there is no command ${name}`)
    if (words.includes('--help')) return print(process.stdout, USAGE)
    await command.run(parseArguments(words, command))
  } catch (error) {
    process.exitCode = report(error)
  }
}

/**
 * @param {unknown} error
 * @returns {number} the exit code
 */
function report(error) {
  if (error instanceof UsageError) {
    console.error(`plmhead: ${printable(error.message)}\n${USAGE}`)
    return 2
  }
  if (error instanceof OutputError) {
    console.error(`plmhead: ${printable(error.message)}`)
    return 1
  }
  if (!isFormatError(error) && !isInputError(error) && !isEncodeError(error)) throw error
  console.error(`plmhead: ${printable(error.message)}`)
  if (error.remedy !== null) console.error(`remedy: ${error.remedy}`)
  return 1
}

// A reader that has seen enough, such as `head`, closes the pipe: that is no error of ours.
process.stdout.on('error', (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') throw error
  process.exit()
})

await main(process.argv.slice(2))
