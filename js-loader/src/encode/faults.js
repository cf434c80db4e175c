// The errors of bundles, tables and runtimes: the codes of spec/v1/errors.json beyond those of `plmhead`.
import { errorCodes } from '../errors.js'

const COPY_AGAIN = 'copy the whole folder again'

/** Every code that this entry adds to those of `plmhead` and `plmhead/sequences`, with its remedy, null where there is none. */
export const encodeCodes = Object.freeze({
  GOLDEN: null,
  ENCODER: null,
  DATA: null,
  BUNDLE_FILE: COPY_AGAIN,
  BUNDLE_NAME: null,
  BUNDLE_DIGEST: COPY_AGAIN,
  BUNDLE_GRAPH: null,
  BUNDLE_VOCABULARY: null,
  RUNTIME: null,
})

/** @typedef {keyof typeof encodeCodes} EncodeCode */

/** A bundle, a table or a run of the encoder was refused. `message` is `CODE (where): found ..., expected ...`. */
export class EncodeError extends Error {
  /**
   * @param {EncodeCode | import('../errors.js').ErrorCode} code
   * @param {string} where a file of the bundle, `bundle.json` and a JSON pointer, a pointer into the config, or a table's name
   * @param {string} message
   */
  constructor(code, where, message) {
    super(`${code} (${where}): ${message}`)
    this.code = code
    this.where = where
    /** @type {string | null} */
    this.remedy = { ...errorCodes, ...encodeCodes }[code]
  }

  get name() {
    return 'EncodeError'
  }
}

/**
 * Whether an error has a code of this entry. Those of the artifact are for `isFormatError`, of calls for `isInputError`.
 * @param {unknown} error
 * @param {EncodeCode} [code]
 * @returns {error is EncodeError}
 */
export function isEncodeError(error, code) {
  const found = /** @type {{code?: unknown} | null | undefined} */ (error)?.code
  return typeof found === 'string' && (code === undefined ? Object.hasOwn(encodeCodes, found) : found === code)
}

/**
 * What an error says, without its code and place.
 * @param {{code: string, where: string, message: string}} error
 */
export function messageOf({ code, where, message }) {
  const start = `${code} (${where}): `
  return message.startsWith(start) ? message.slice(start.length) : message
}
