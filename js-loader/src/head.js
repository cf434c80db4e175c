// A loaded head: immutable data, and scoring in scikit-learn's words.
import { toPlain } from './config.js'
import { InputError, printable } from './errors.js'
import { checkFinite, readInput } from './input.js'
import { JsonObject } from './json.js'
import { classIndices, decisions, firstNonFinite, probabilities } from './score.js'

/** @typedef {import('./arrays.js').HeadArrays} HeadArrays */
/** @typedef {import('./arrays.js').Label} Label */
/** @typedef {import('./arrays.js').LabelType} LabelType */
/** @typedef {import('./input.js').Matrix} Matrix */

/**
 * @typedef {object} PredictOptions
 * @property {number | null} [threshold] from 0 to 1, in place of the head's own; logistic heads only
 * @property {string | null} [assayType] a name in `assayThresholds`, whose threshold then counts
 */

/**
 * @typedef {object} Scores
 * @property {Float64Array} decision one value a row when the link is logistic, k when it is softmax
 * @property {Float64Array} probability k values a row, in the order of `classes`
 * @property {Label[]} labels one a row
 */

// Of the training code that writes version 0.
const VERSION_0_ASSAYS = toPlain([['ELISA', 0.5], ['PSR', 0.5495]])

/** Made by `load`. The object and its config are frozen; its typed arrays are those it scores with: do not write to them. */
export class Head {
  #model
  /** @type {any} */
  #config
  /** @type {any} */
  #assayThresholds
  /** @readonly @type {Float64Array} one value a row of coef */
  intercept
  /** @readonly @type {number} 1 when the link is logistic, the number of classes when it is softmax */
  rows
  /** @readonly @type {number} */
  nFeaturesIn
  /** @readonly @type {readonly (number | bigint)[]} Numbers, or all BigInts when one is not a safe integer */
  nIter
  /** @readonly @type {readonly Label[]} in the order of the probabilities; integers are Numbers, or all BigInts as above */
  classes
  /** @readonly @type {LabelType} */
  labelType
  /** @readonly @type {'logistic' | 'softmax'} */
  link
  /** @readonly @type {number | null} stored in the head; null for softmax */
  threshold
  /** @readonly @type {boolean} whether the self-test of the file was passed; never for version 0 */
  verified
  /** @readonly @type {string} "0" or the file's */
  formatVersion

  /**
   * @internal
   * @param {HeadArrays} model
   * @param {import('./json.js').JsonObject} root
   * @param {string} formatVersion
   */
  constructor(model, root, formatVersion) {
    this.#model = model
    this.#config = root
    this.intercept = model.intercept
    this.rows = model.rows
    this.nFeaturesIn = model.nFeaturesIn
    this.nIter = Object.freeze(model.nIter)
    this.classes = Object.freeze(model.classes)
    this.labelType = model.labelType
    this.link = model.link
    this.formatVersion = formatVersion
    this.verified = formatVersion !== '0'
    const decision = root.get('decision')
    this.threshold = decision === undefined ? 0.5 : toPlain(decision?.get('threshold') ?? null)
    this.#assayThresholds = decision === undefined ? VERSION_0_ASSAYS : decision?.get('assay_thresholds') ?? null
    Object.freeze(this)
  }

  /** rows * nFeaturesIn values, row-major; a new widened copy where a large file has binary32. */
  get coef() {
    const { coef } = this.#model
    return coef instanceof Float64Array ? coef : new Float64Array(coef)
  }

  /** @returns {readonly (readonly [string, number])[] | null} in the order of the file; null for softmax */
  get assayThresholds() {
    const given = this.#assayThresholds
    // Made when first asked for. Pairs, because a plain object would move names such as "10" to the front.
    if (given instanceof JsonObject) {
      /** @type {any[]} */
      const pairs = []
      given.forEach((name, read) => pairs.push([name, read()]))
      this.#assayThresholds = toPlain(pairs)
    }
    return this.#assayThresholds
  }

  /** The whole config, deep-frozen; its objects have no prototype. */
  get config() {
    // Made when first asked for; toPlain leaves what is plain.
    return (this.#config = toPlain(this.#config))
  }

  /**
   * @param {Matrix} X row-major, a multiple of nFeaturesIn long, or an array of rows
   * @returns {Float64Array} one value a row when the link is logistic, k when it is softmax
   */
  decisionFunction(X) {
    const x = readInput(X, this.nFeaturesIn)
    const z = decisions(this.#model, x)
    const index = firstNonFinite(z)
    if (index < 0) return z
    // A value of X that is not finite makes each decision of its row so: where none is, X need not be read twice.
    checkFinite(x, this.nFeaturesIn)
    throw new InputError('DECISION_NONFINITE', `/${Math.floor(index / this.rows)}`, `decision ${z[index]}`, 'a finite number')
  }

  /**
   * @param {Matrix} X
   * @returns {Float64Array} k values a row, in the order of `classes`
   */
  predictProba(X) {
    return probabilities(this.#model, this.decisionFunction(X))
  }

  /**
   * @param {Matrix} X
   * @param {PredictOptions} [options]
   * @returns {Label[]} one a row
   */
  predict(X, options) {
    return this.score(X, options).labels
  }

  /**
   * Decisions, probabilities and labels of one pass.
   * @param {Matrix} X
   * @param {PredictOptions} [options]
   * @returns {Scores}
   */
  score(X, { threshold = null, assayType = null } = {}) {
    const decision = this.decisionFunction(X)
    const inForce = thresholdInForce(this, threshold, assayType)
    const probability = probabilities(this.#model, decision)
    const labels = classIndices(this.#model, decision, probability, inForce).map((index) => this.classes[index])
    return { decision, probability, labels }
  }
}

/**
 * P7.
 * @param {Head} head
 * @param {number | null} argument
 * @param {string | null} assayType
 */
function thresholdInForce(head, argument, assayType) {
  const isLogistic = head.link === 'logistic'
  if (argument !== null && !(isLogistic && typeof argument === 'number' && argument >= 0 && argument <= 1)) {
    const expected = isLogistic ? 'a number from 0 to 1' : 'none for softmax'
    throw new InputError('THRESHOLD', 'threshold', printable(String(argument)), expected)
  }
  if (assayType === null) return argument ?? head.threshold
  const known = head.assayThresholds ?? []
  const entry = known.find(([name]) => name === assayType)
  if (entry !== undefined) return entry[1]
  const names = known.map(([name]) => printable(name)).join(', ')
  throw new InputError('ASSAY_TYPE', 'assay_type', `"${printable(String(assayType))}"`, names || 'none')
}
