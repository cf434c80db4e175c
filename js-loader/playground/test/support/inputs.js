// What the page is given in tests: a real bundle, real heads, tables. Made of files of the repository; no Python.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPOSITORY = fileURLToPath(new URL('../../../../', import.meta.url))
export const CACHE = join(REPOSITORY, '.cache/playground')
const TINY = join(REPOSITORY, 'conformance/bundle/tiny')
const GRAPH = 'random-esm2-tiny.onnx'

/** A good bundle: names and bytes. @returns {Record<string, Buffer>} */
export function bundleFiles() {
  const names = readdirSync(TINY)
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(TINY, name))]))
  return { ...files, [GRAPH]: readFileSync(join(REPOSITORY, 'python/plmhead/encoders', GRAPH)) }
}

/** The 86 sequences of Jain et al. where they are at hand, otherwise the demo's. A row that is not usable comes last. */
export function table() {
  const real = join(REPOSITORY, '../shared/data/antibodies/jain_vh_test.csv')
  const path = existsSync(real) ? real : join(REPOSITORY, 'examples/demo_sequences.csv')
  const lines = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/)
  const names = lines[0].split(',')
  const [id, sequence] = [names.indexOf('id'), names.indexOf('sequence')]
  const rows = lines.slice(1).map((line, i) => {
    const cells = line.split(',')
    return [id < 0 ? `row-${i}` : cells[id], cells[sequence]]
  })
  rows.push(['spoiled', 'EVQL*VES'])
  return { rows, csv: `id,sequence\n${rows.map((row) => row.join(',')).join('\n')}\n`, fasta: rows.map(([name, text]) => `>${name}\n${text}\n`).join('') }
}

/** The command line in Node. @param {string[]} words */
export function plmhead(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(REPOSITORY, 'js-loader/src/cli.js'), ...words], { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/**
 * A `.npy` file of format 1.0 with a preamble of 128 bytes, as `numpy.save` writes it.
 * @param {Float32Array | Float64Array | Int32Array} values
 * @param {number[]} shape
 */
export function npy(values, shape) {
  const descr = { Float32Array: '<f4', Float64Array: '<f8', Int32Array: '<i4' }[values.constructor.name]
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  const preamble = Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\x01\0v\0'), Buffer.from(`${text.padEnd(117)}\n`)])
  return Buffer.concat([preamble, Buffer.from(values.buffer, values.byteOffset, values.byteLength)])
}

/** Without quotes, which the tables of these tests do not need. @param {string} text */
export function parsed(text) {
  return text.trimEnd().split('\n').map((line) => line.split(','))
}

/**
 * An accepted case of the conformance suite: its pair, its predictions, and the rows of the first one as a `.npy` file.
 * @param {string} id
 */
export function acceptedCase(id) {
  const folder = join(REPOSITORY, 'conformance/cases', id)
  const { predictions } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))
  const { path, dtype, rows, cols } = predictions[0].x
  const bytes = readFileSync(join(folder, path))
  const values = new { f4: Float32Array, f8: Float64Array }[dtype](bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const pair = Object.fromEntries(['model.npz', 'model_config.json'].map((name) => [name, readFileSync(join(folder, name))]))
  return { pair, matrix: npy(values, [rows, cols]), predictions: predictions.filter(({ x }) => x.path === path) }
}
