// The only file of this entry that reads files and imports a runtime. `plmhead/encode/node` exports it.
import { constants, createReadStream } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { EncodeError } from './faults.js'
import { openBundle } from './bundle.js'
import { fileFault } from './sources.js'
import { formatOf, readTable } from './tables.js'

/**
 * A folder of this machine. No link in it is followed.
 * @param {string} folder
 * @returns {import('./sources.js').Source}
 */
export function fromFolder(folder) {
  return { read: (name, most) => readOwn(join(folder, name), name, most) }
}

/**
 * @param {string} path
 * @param {string} name
 * @param {number} most
 */
async function readOwn(path, name, most) {
  let file
  try {
    if (!(await lstat(path)).isFile()) throw fileFault(name, 'a link or no regular file', 'a file of the folder itself')
    // Between the two a link may take its place, and is not followed; nor does opening wait, as it would for a pipe.
    file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    const { size } = await file.stat()
    if (size > most) throw fileFault(name, `${size} bytes`, `at most ${most}`)
    const bytes = new Uint8Array(size)
    let length = 0
    while (length < size) {
      const { bytesRead } = await file.read(bytes, length, Math.min(size - length, 2 ** 26))
      if (bytesRead === 0) break
      length += bytesRead
    }
    return bytes.subarray(0, length)
  } catch (error) {
    if (error instanceof EncodeError) throw error
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
    throw fileFault(name, `no readable file (${code ?? message})`, 'one')
  } finally {
    await file?.close()
  }
}

/**
 * `openBundle` of a folder. Throws EncodeError RUNTIME where neither a runtime is given nor `onnxruntime-node` installed.
 * @param {string} folder
 * @param {Partial<import('./bundle.js').OpenOptions>} [options]
 */
export async function openFolder(folder, options = {}) {
  return openBundle(fromFolder(folder), { ...options, runtime: options.runtime ?? (await importRuntime()) })
}

/** @returns {Promise<import('./encoder.js').Runtime>} */
async function importRuntime() {
  try {
    return await import('onnxruntime-node')
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    throw new EncodeError('RUNTIME', 'onnxruntime-node', `cannot be loaded (${message.split('\n')[0]}), expected: npm install onnxruntime-node`)
  }
}

/**
 * `readTable` of a file, or of FASTA on standard input where the path is `-`.
 * @param {string} path `.fasta`, `.fa`, `.faa` or `.csv`
 * @param {{column?: string}} [options]
 * @returns {{name: string, records: AsyncGenerator<import('./tables.js').TableRecord, void, void>}}
 */
export function openTable(path, { column } = {}) {
  const isStandardInput = path === '-'
  const name = isStandardInput ? 'standard input' : basename(path)
  const format = isStandardInput ? 'fasta' : formatOf(name)
  const chunks = readChunks(isStandardInput ? process.stdin : createReadStream(path, { highWaterMark: 2 ** 16 }), name)
  return { name, records: readTable(chunks, { name, format, column }) }
}

/**
 * @param {AsyncIterable<Uint8Array>} stream
 * @param {string} name
 */
async function* readChunks(stream, name) {
  try {
    yield* stream
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error)
    throw new EncodeError('DATA', name, `cannot be read: ${code ?? message}`)
  }
}
