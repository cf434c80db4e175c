// Everything that plmhead exports. Nothing here reads files or imports from Node: it runs in browsers and workers too.
export { FormatError, InputError, errorCodes, isFormatError, isInputError } from './errors.js'
export { Head } from './head.js'
export { load } from './load.js'

/** @typedef {import('./arrays.js').Label} Label */
/** @typedef {import('./arrays.js').LabelType} LabelType */
/** @typedef {import('./errors.js').ErrorCode} ErrorCode */
/** @typedef {import('./head.js').PredictOptions} PredictOptions */
/** @typedef {import('./head.js').Scores} Scores */
/** @typedef {import('./input.js').Matrix} Matrix */
/** @typedef {import('./load.js').Bytes} Bytes */
