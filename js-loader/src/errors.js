// The only errors that plmhead raises about files and inputs. Both classes have `code`, `where`, `message` and `remedy`.
// Compare codes, not classes: two copies of the package then agree.

const FETCH_AGAIN = 'fetch both files again; if you edited the config, run: plmhead amend'

/**
 * Every code of this package with its remedy, null where there is none: the table of spec/v1/errors.json, in its order,
 * less the codes of encoders, writers, signatures and the hub.
 */
export const errorCodes = Object.freeze({
  FILE_UNREADABLE: 'check the path; the config of NAME.npz is NAME_config.json, beside it',
  FILE_SIZE: null,
  JSON_ENCODING: 'save the config as UTF-8 without BOM',
  JSON_SYNTAX: null,
  JSON_SURROGATE: null,
  JSON_DUPLICATE_NAME: null,
  JSON_NUMBER: null,
  JSON_LIMIT: null,
  FORMAT_MISSING: FETCH_AGAIN,
  FORMAT_UNKNOWN: null,
  VERSION_UNSUPPORTED: 'update plmhead',
  CONFIG_SEAL: FETCH_AGAIN,
  CONFIG_DIGEST: FETCH_AGAIN,
  FIELD_MISSING: null,
  FIELD_TYPE: null,
  FIELD_VALUE: null,
  FIELD_UNKNOWN: 'move it under extensions, or correct its name',
  NPZ_DIGEST: 'fetch both files again; if a save was killed, run: plmhead repair NAME',
  ZIP_END: null,
  ZIP_CENTRAL: null,
  ZIP_FLAGS: null,
  ZIP_METHOD: 'write it with numpy.savez, not numpy.savez_compressed',
  ZIP_LAYOUT: null,
  ZIP_LOCAL: null,
  ZIP_NAME: null,
  ZIP_MISSING: null,
  ZIP_CRC: null,
  NPY_PREAMBLE: null,
  NPY_HEADER: null,
  NPY_ORDER: 'write it with numpy.ascontiguousarray',
  NPY_DTYPE: null,
  NPY_LENGTH: null,
  ARRAY_LIMIT: null,
  ARRAY_SHAPE: null,
  ARRAY_NONFINITE: null,
  ARRAY_VALUE: null,
  LABEL_VALUE: null,
  LABEL_DUPLICATE: null,
  FIELD_MISMATCH: null,
  ENVIRONMENT: 'switch off fast-math, flush-to-zero and directed rounding',
  SELF_TEST: FETCH_AGAIN,
  NOT_VERIFIED: 'plmhead upgrade',
  INPUT_DTYPE: null,
  INPUT_SHAPE: null,
  INPUT_NONFINITE: null,
  DECISION_NONFINITE: null,
  THRESHOLD: null,
  ASSAY_TYPE: null,
})

/** @typedef {keyof typeof errorCodes} ErrorCode */

const INPUT_CODES = /^(INPUT_.*|DECISION_NONFINITE|THRESHOLD|ASSAY_TYPE)$/

class CodedError extends Error {
  /**
   * @param {ErrorCode} code
   * @param {string} where JSON pointer, member name, `config`, `npz`, or one of these with `@offset`
   * @param {unknown} found
   * @param {unknown} expected
   */
  constructor(code, where, found, expected) {
    super(`${code} (${printable(where)}): found ${found}, expected ${expected}`)
    this.code = code
    this.where = where
    /** @type {string | null} */
    this.remedy = errorCodes[code]
  }
}

/** The artifact was refused. */
export class FormatError extends CodedError {
  get name() {
    return 'FormatError'
  }
}

/** X or an argument of a call was refused. */
export class InputError extends CodedError {
  get name() {
    return 'InputError'
  }
}

/**
 * @param {unknown} error
 * @param {ErrorCode} [code]
 * @returns {error is FormatError}
 */
export function isFormatError(error, code) {
  return hasCode(error, code) && !INPUT_CODES.test(error.code)
}

/**
 * @param {unknown} error
 * @param {ErrorCode} [code]
 * @returns {error is InputError}
 */
export function isInputError(error, code) {
  return hasCode(error, code) && INPUT_CODES.test(error.code)
}

/**
 * @param {unknown} error
 * @param {ErrorCode | undefined} code
 * @returns {error is CodedError}
 */
function hasCode(error, code) {
  const found = /** @type {{code?: unknown} | null | undefined} */ (error)?.code
  if (typeof found !== 'string') return false
  return code === undefined ? Object.hasOwn(errorCodes, found) : found === code
}

/**
 * Text from a file for a message: short, and without characters that would steer a terminal.
 * @param {string} text
 */
export function printable(text, maximum = 80) {
  const short = text.length > maximum ? `${text.slice(0, maximum)}...` : text
  return short.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}
