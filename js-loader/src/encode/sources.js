// Where a bundle's files come from in a browser: chosen or dropped files, an address, or bytes that are there already.
// A source is asked for plain names that the manifest's rules allow, and never for a path.
import { EncodeError } from './faults.js'

/**
 * @typedef {object} Source
 * @property {(name: string, most: number) => Promise<Uint8Array>} read
 *   the bytes of a file of the folder itself; EncodeError BUNDLE_FILE where there is none, or it has more than `most`
 */

/**
 * @param {string} name
 * @param {string} found
 * @param {string} expected
 */
export function fileFault(name, found, expected) {
  return new EncodeError('BUNDLE_FILE', name, `found ${found}, expected ${expected}`)
}

/**
 * Files by their names.
 * @param {ReadonlyMap<string, Uint8Array> | Readonly<Record<string, Uint8Array>>} files
 * @returns {Source}
 */
export function fromBytes(files) {
  const known = files instanceof Map ? files : new Map(Object.entries(files))
  return {
    async read(name, most) {
      const bytes = known.get(name)
      if (bytes === undefined) throw fileFault(name, 'no such file', 'one')
      if (bytes.length > most) throw fileFault(name, `${bytes.length} bytes`, `at most ${most}`)
      return bytes
    },
  }
}

/**
 * Files that a person chose or dropped, as `<input type="file" multiple>`, `<input webkitdirectory>` or `droppedFiles` give
 * them: those beside the first `bundle.json`.
 * @param {Iterable<File>} files
 * @returns {Source}
 */
export function fromFiles(files) {
  const folders = [...files].map((file) => ({ file, folder: folderOf(file) }))
  const depth = (/** @type {string} */ folder) => (folder === '' ? 0 : folder.split('/').length)
  const manifests = folders.filter(({ file }) => file.name === 'bundle.json').sort((a, b) => depth(a.folder) - depth(b.folder))
  const beside = folders.filter(({ folder }) => manifests.length === 0 || folder === manifests[0].folder)
  const known = new Map(beside.map(({ file }) => [file.name, file]))
  return {
    async read(name, most) {
      const file = known.get(name)
      if (file === undefined) throw fileFault(name, 'no such file among those given', 'one')
      if (file.size > most) throw fileFault(name, `${file.size} bytes`, `at most ${most}`)
      try {
        return new Uint8Array(await file.arrayBuffer())
      } catch (error) {
        throw fileFault(name, `no readable file (${/** @type {Error} */ (error).message})`, 'one')
      }
    },
  }
}

/** @param {File} file */
function folderOf(file) {
  const path = /** @type {{fullPath?: string}} */ (file).fullPath ?? file.webkitRelativePath ?? ''
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/**
 * The files of a drop; a folder's own files, not those of folders in it. To be called in the event's handler itself.
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
export async function droppedFiles(transfer) {
  // Taken before the first wait: afterwards the list is empty.
  const items = [...transfer.items].filter(({ kind }) => kind === 'file')
  const given = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile())
  const found = []
  for (const one of given) {
    if (one instanceof File) found.push(one)
    else if (one?.isFile) found.push(await fileOf(/** @type {FileSystemFileEntry} */ (one)))
    else if (one?.isDirectory) {
      const entries = await entriesOf(/** @type {FileSystemDirectoryEntry} */ (one))
      for (const entry of entries) if (entry.isFile) found.push(await fileOf(/** @type {FileSystemFileEntry} */ (entry)))
    }
  }
  return found
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
async function fileOf(entry) {
  /** @type {File} */
  const file = await new Promise((resolve, reject) => entry.file(resolve, reject))
  return Object.defineProperty(file, 'fullPath', { value: entry.fullPath })
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(folder) {
  const reader = folder.createReader()
  const found = []
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    found.push(...some)
  }
}

/**
 * A folder behind an address. Redirections are refused: nothing outside the folder is reached.
 * @param {string | URL} address of the folder, with or without a slash at its end
 * @param {{fetch?: typeof fetch, signal?: AbortSignal}} [options]
 * @returns {Source}
 */
export function fromUrl(address, { fetch: get = fetch, signal } = {}) {
  const base = new URL(address, globalThis.location?.href)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return {
    async read(name, most) {
      let response
      try {
        response = await get(new URL(name, base), { signal, redirect: 'error', credentials: 'same-origin' })
      } catch (error) {
        signal?.throwIfAborted()
        throw fileFault(name, `no answer (${/** @type {Error} */ (error).message})`, 'one')
      }
      if (!response.ok || response.body === null) throw fileFault(name, `status ${response.status}`, '200')
      return bodyOf(response.body, name, most)
    },
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {string} name
 * @param {number} most
 */
async function bodyOf(body, name, most) {
  const pieces = []
  let size = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > most) {
      await reader.cancel()
      throw fileFault(name, 'more bytes', `at most ${most}`)
    }
    pieces.push(value)
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
