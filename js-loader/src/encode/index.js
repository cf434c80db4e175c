// Sequences in, probabilities out: bundles (spec/bundle/SPEC.md) and tables of sequences. Nothing here imports from Node or
// from a runtime: the same code runs in Node, browsers and workers, and the runtime is handed over.
export { Bundle, openBundle } from './bundle.js'
export { Encoder } from './encoder.js'
export { EncodeError, encodeCodes, isEncodeError } from './faults.js'
export { droppedFiles, fromBytes, fromFiles, fromUrl } from './sources.js'
export { formatOf, readTable } from './tables.js'
export { csvHeader, csvLine, jsonLine } from './lines.js'

/** @typedef {import('./bundle.js').OpenOptions} OpenOptions */
/** @typedef {import('./bundle.js').PredictOptions} PredictOptions */
/** @typedef {import('./bundle.js').Result} Result */
/** @typedef {import('./bundle.js').SequenceFault} SequenceFault */
/** @typedef {import('./contents.js').OpeningStep} OpeningStep */
/** @typedef {import('./encoder.js').Runtime} Runtime */
/** @typedef {import('./faults.js').EncodeCode} EncodeCode */
/** @typedef {import('./golden.js').Proof} Proof */
/** @typedef {import('./manifest.js').Manifest} Manifest */
/** @typedef {import('./sources.js').Source} Source */
/** @typedef {import('./tables.js').TableInput} TableInput */
/** @typedef {import('./tables.js').TableRecord} TableRecord */
