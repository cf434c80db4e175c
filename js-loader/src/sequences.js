// Protein sequences as the embedding contract reads them: sections 15 (M1 to M3) and 16 of the specification.
// Text in, token ids out; no files, no model, and no import: the code and remedies of errors.json are repeated here.

export const ALPHABET = Object.freeze([
  '<cls>', '<pad>', '<eos>', '<unk>',
  ...'LAGVSERTIDPKQNFYMHWC',
  ...'XBUZO.-', '<null_1>', '<mask>',
])
export const RESIDUES = 'ACDEFGHIKLMNPQRSTVWY'
export const MAX_RESIDUES = 1022

const [BEGIN, PAD, END] = [0, 1, 2]
const LETTERS = new Set([...RESIDUES, 'X', ...RESIDUES.toLowerCase(), 'x'])

const REMEDIES = Object.freeze({
  SEQUENCE_EMPTY: null,
  SEQUENCE_LETTER: null,
  SEQUENCE_LENGTH: 'pass too_long="truncate" when you train, or cut the sequence',
})

/** A sequence that the embedding contract refuses. */
export class SequenceError extends Error {
  /**
   * @param {keyof typeof REMEDIES} code
   * @param {string} where
   * @param {string} message
   * @param {number | null} [position] of the character that is no residue, from 1, where it is one
   * @param {string | null} [remedy]
   */
  constructor(code, where, message, position = null, remedy = REMEDIES[code]) {
    super(`${code} (${where}): ${message}`)
    this.code = code
    this.where = where
    this.position = position
    this.remedy = remedy
  }

  get name() {
    return 'SequenceError'
  }
}

/**
 * The text stripped of ASCII white space, in upper case, of 1 to 1,022 residues (M1, M3). Only the end is ever cut, and
 * only where `tooLong` is "truncate". Throws a SequenceError; a TypeError for another argument.
 * @param {string} text
 * @param {{where?: string, tooLong?: 'error' | 'truncate'}} [options] `where` names the sequence in an error
 */
export function normalise(text, { where = 'sequence', tooLong = 'error' } = {}) {
  if (typeof text !== 'string') throw new TypeError(`found ${typeof text}, expected a string`)
  if (tooLong !== 'error' && tooLong !== 'truncate') throw new TypeError('tooLong is "error" or "truncate"')
  // Not trim(), which removes white space of all of Unicode.
  const stripped = strip(text)
  if (stripped === '') throw new SequenceError('SEQUENCE_EMPTY', where, 'found no residue, expected at least one')
  let position = 0
  for (const character of stripped) {
    position += 1
    // Before toUpperCase(), which maps letters outside ASCII onto amino acids (U+017F to S, U+0131 to I).
    if (!LETTERS.has(character)) throw foreignLetter(where, character, position)
  }
  if (position > MAX_RESIDUES && tooLong === 'error') {
    throw new SequenceError('SEQUENCE_LENGTH', where, `found ${position} residues, expected at most ${MAX_RESIDUES}`)
  }
  return stripped.slice(0, MAX_RESIDUES).toUpperCase()
}

/** @param {string} text */
function strip(text) {
  let [start, end] = [0, text.length]
  while (start < end && isSpace(text.charCodeAt(start))) start += 1
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

/** @param {number} unit */
function isSpace(unit) {
  return unit === 32 || (unit >= 9 && unit <= 13)
}

/**
 * @param {string} where
 * @param {string} character
 * @param {number} position
 */
function foreignLetter(where, character, position) {
  const point = /** @type {number} */ (character.codePointAt(0))
  const shown = `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
  const found = /^[!-~]$/.test(character) ? `'${character}' (${shown})` : shown
  const message = `found ${found} at position ${position}, expected one of ${RESIDUES} or X`
  return new SequenceError('SEQUENCE_LETTER', where, message, position, remedyFor(character))
}

/** @param {string} character */
function remedyFor(character) {
  if (character === '*') return 'remove the stop mark'
  if ('.-'.includes(character)) return 'remove the gaps of the alignment'
  if ('BJOUZbjouz'.includes(character)) return 'write X for a residue that is not one of the twenty'
  return null
}

/**
 * Token ids and mask of normalised sequences, both row after row, `length` a row: 0, one id a residue, 2, then padding
 * (1); the mask is 1 for all but padding (M2). int64 is what most graphs take; onnxruntime-web runs int32 as well.
 * @template {'int64' | 'int32'} [T='int64']
 * @param {readonly string[]} sequences from `normalise`
 * @param {T} [dtype]
 * @param {{rows: number, length: number}} [shape] at least what the sequences need, which it is by default; rows behind the
 *   last sequence are of one residue, so that a model has something finite to make of them
 */
export function tokenize(sequences, dtype, shape) {
  const longest = sequences.reduce((most, sequence) => Math.max(most, sequence.length), 0)
  const { rows, length } = shape ?? { rows: sequences.length, length: longest + 2 }
  if (rows < sequences.length || length < longest + 2) throw new RangeError(`${rows} rows of ${length} tokens do not hold the sequences`)
  const ids = new Int32Array(rows * length).fill(PAD)
  for (let row = 0; row < rows; row += 1) {
    const sequence = sequences[row] ?? RESIDUES[0]
    const start = row * length
    ids[start] = BEGIN
    for (let i = 0; i < sequence.length; i += 1) ids[start + 1 + i] = ALPHABET.indexOf(/** @type {string} */ (sequence[i]))
    ids[start + 1 + sequence.length] = END
  }
  const mask = ids.map((id) => Number(id !== PAD))
  /** @typedef {T extends 'int32' ? Int32Array : BigInt64Array} Ids */
  const as = (/** @type {Int32Array} */ values) => /** @type {Ids} */ (dtype === 'int32' ? values : BigInt64Array.from(values, BigInt))
  return { rows, length, inputIds: as(ids), attentionMask: as(mask) }
}

/** The six synthetic sequences of section 16 on which an encoder proves itself. */
export function goldenSequences() {
  return ['M', RESIDUES, 'MXAXXCDEFGHIKLMNPQRSTVWX', golden(3, 119), golden(4, 121), golden(5, 1022)]
}

/**
 * The letters g(j, length) of section 16.
 * @param {number} j
 * @param {number} length
 */
function golden(j, length) {
  const letter = (/** @type {unknown} */ _, /** @type {number} */ i) => RESIDUES[(Math.imul(1000 * j + i, 2654435761) >>> 16) % 20]
  return Array.from({ length }, letter).join('')
}
