// X as `numpy.save` writes it: for what reads files in Node, and for pages that are given them.
import { FormatError, InputError } from './errors.js'
import { shapeError } from './input.js'
import { NpyArray, PREAMBLE_SIZE, itemSize, readPreamble } from './npy.js'

/**
 * The values, row-major. Throws FormatError for the file's form, InputError for its dtype and shape.
 * @param {Uint8Array} bytes
 * @param {number} columns
 */
export function parseNpy(bytes, columns) {
  const { descr, shape } = readPreamble(bytes, 'X', { emptyAllowed: true })
  if (descr !== '<f8' && descr !== '<f4') throw new InputError('INPUT_DTYPE', 'X', `dtype ${descr}`, '<f8 or <f4')
  if (shape.length !== 2 || shape[1] !== columns) throw shapeError(`shape (${shape})`, `(rows, ${columns})`)
  const size = shape[0] * columns * itemSize(descr)
  const found = bytes.length - PREAMBLE_SIZE
  if (found !== size) throw new FormatError('NPY_LENGTH', 'X', `${found} bytes of data`, size)
  const values = new NpyArray(descr, shape, bytes.subarray(PREAMBLE_SIZE)).floats()
  return values instanceof Float64Array ? values : new Float64Array(values)
}
