// What a person dropped or chose: sorted into models, tables and embeddings by name.
import { FormatError } from '../../src/errors.js'

/**
 * A file and its path in what was dropped: a worker gets both, for a File loses its path on the way.
 * @typedef {{file: File, path: string}} Given
 */

/**
 * @typedef {object} Sorted
 * @property {Given[] | null} bundle all files, where `bundle.json` is among them
 * @property {File[]} pair halves of a head: `NAME.npz`, `NAME_config.json`
 * @property {File[]} matrices
 * @property {File[]} tables
 * @property {File[]} others
 */

/**
 * @param {File[]} files
 * @returns {Sorted}
 */
export function sorted(files) {
  /** @type {Sorted} */
  const found = { bundle: null, pair: [], matrices: [], tables: [], others: [] }
  if (files.some(({ name }) => name === 'bundle.json')) {
    found.bundle = files.map((file) => ({ file, path: /** @type {any} */ (file).fullPath ?? file.webkitRelativePath ?? file.name }))
    return found
  }
  for (const file of files) {
    if (/(\.npz|_config\.json)$/.test(file.name)) found.pair.push(file)
    else if (/\.npy$/i.test(file.name)) found.matrices.push(file)
    else if (/\.(fasta|fa|faa|csv)$/i.test(file.name)) found.tables.push(file)
    else found.others.push(file)
  }
  return found
}

/**
 * The two files of one head, of which one may have been given earlier. Throws FILE_UNREADABLE where a half has no partner.
 * @param {File[]} files
 * @param {File[]} earlier halves that wait for the other one
 * @returns {{npz: File, config: File, name: string}}
 */
export function pairOf(files, earlier) {
  const stem = (/** @type {File} */ { name }) => name.replace(/(\.npz|_config\.json)$/, '')
  const name = stem(files[0])
  const all = [...files, ...earlier].filter((file) => stem(file) === name)
  const npz = all.find((file) => file.name.endsWith('.npz'))
  const config = all.find((file) => file.name.endsWith('_config.json'))
  if (npz !== undefined && config !== undefined) return { npz, config, name }
  const missing = npz === undefined ? `${name}.npz` : `${name}_config.json`
  throw new FormatError('FILE_UNREADABLE', npz === undefined ? 'npz' : 'config', `${files[0].name} alone`, `${missing} too: drop it here, or both together`)
}
