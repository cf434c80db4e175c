// All of plmhead, and scoring by a WebAssembly kernel: the same bits, sooner. `plmhead/simd` exports it, and Node gets it as
// `plmhead`. Where the kernel cannot be (no SIMD, a content-security policy, no memory) the plain loop goes on scoring.
import { KERNEL } from './kernel.js'
import { plainDecisions, useKernel } from './score.js'

export * from './index.js'

/** @typedef {import('./score.js').Coefficients} Coefficients */
/** @typedef {(x: number, inputs: number, coef: number, rows: number, features: number, z: number) => void} Run */

// The kernel's memory: its own lanes, decisions, coefficients, inputs. Of 65,536 features, the most that a head has, eight rows
// fit in each of the last two. Its size is fixed: a memory that grows would take the views of it away.
const DECISIONS_AT = 64
const MOST_INPUTS = 1024
const MOST_ROWS = 64
const COEF_AT = DECISIONS_AT + 8 * MOST_INPUTS * MOST_ROWS
const AREA = 8 * 8 * 65536
const INPUTS_AT = COEF_AT + AREA
const PAGE = 65536

// What is read again and again stays within a processor's cache of its own.
const TILE = 262144

// So many multiplications are done by the plain loop before the kernel is made, which takes as long.
const TRIAL = 1 << 20

/** @type {WebAssembly.Module} */
let compiled

/** An instance of the kernel and its memory. */
class Kernel {
  /** @param {number} size of the inputs' area, bytes */
  constructor(size) {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(KERNEL), (character) => character.charCodeAt(0)))
    const pages = Math.ceil((INPUTS_AT + size) / PAGE)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory } })
    this.run32 = /** @type {Run} */ (exports.decisions32)
    this.run64 = /** @type {Run} */ (exports.decisions64)
    this.buffer = memory.buffer
    this.decisions = new Float64Array(this.buffer, DECISIONS_AT, MOST_INPUTS * MOST_ROWS)
    this.coef = new Float64Array(this.buffer, COEF_AT, AREA / 8)
  }
}

/**
 * A kernel, or null where there can be none.
 * @param {number} size of the inputs' area, bytes
 */
function kernelOf(size) {
  try {
    return new Kernel(size)
  } catch {
    return null
  }
}

// A head's self-test is the plain loop's, since the kernel's memory is beyond what a load may take. The kernel that copies its
// inputs is held to that loop here, before it scores.
const CHECKED = Float64Array.from({ length: 5 * 29 }, (_, i) => Math.fround((i * 0.37 - 20) ** 5))

/** @param {Kernel} kernel */
function agrees(kernel) {
  const model = { coef: CHECKED.map((value) => value / 3), intercept: Float64Array.of(1, 0.1, -2, 0, 1e-9), rows: 5, nFeaturesIn: 29 }
  return [CHECKED, Float32Array.from(CHECKED)].every((x) => {
    const expected = plainDecisions(/** @type {any} */ (model), x)
    return decisionsBy(kernel, /** @type {any} */ (model), x).every((value, i) => Object.is(value, expected[i]))
  })
}

// Of the memories that inputArray has given away.
/** @type {WeakMap<ArrayBufferLike, Kernel>} */
const owners = new WeakMap()

/**
 * An array of zeros to fill with rows. Scoring it, or a `subarray` of it, copies nothing; any other array is copied piece by piece.
 * @template {Float32ArrayConstructor | Float64ArrayConstructor} [T=Float32ArrayConstructor]
 * @param {number} length a multiple of the features
 * @param {T} [type] Float32Array, unless Float64Array is given
 * @returns {InstanceType<T>}
 */
export function inputArray(length, type) {
  const Type = type ?? Float32Array
  const kernel = kernelOf(length * Type.BYTES_PER_ELEMENT)
  if (kernel === null) return /** @type {InstanceType<T>} */ (new Type(length))
  owners.set(kernel.buffer, kernel)
  return /** @type {InstanceType<T>} */ (new Type(kernel.buffer, INPUTS_AT, length))
}

/**
 * @param {number} trial multiplications to be done before the kernel is made
 * @returns {typeof plainDecisions}
 */
export function simdDecisions(trial) {
  let done = 0
  /** @type {Kernel | null | undefined} */
  let shared
  return (model, x) => {
    const owner = x.byteOffset < INPUTS_AT ? undefined : owners.get(x.buffer)
    if (owner === undefined && shared === undefined) {
      done += x.length * model.rows
      if (done < trial) return plainDecisions(model, x)
      const made = kernelOf(AREA)
      shared = made && agrees(made) ? made : null
    }
    const kernel = owner ?? shared
    return kernel ? decisionsBy(kernel, model, x) : plainDecisions(model, x)
  }
}

/**
 * Tile by tile of coef, and block by block of X.
 * @param {Kernel} kernel
 * @param {Coefficients} model
 * @param {Float32Array | Float64Array} x
 */
function decisionsBy(kernel, { coef, intercept, rows, nFeaturesIn }, x) {
  const run = x.BYTES_PER_ELEMENT === 4 ? kernel.run32 : kernel.run64
  const inputs = x.length / nFeaturesIn
  const block = atOnce(x.BYTES_PER_ELEMENT * nFeaturesIn, MOST_INPUTS)
  const tile = atOnce(8 * nFeaturesIn, MOST_ROWS)
  const z = new Float64Array(inputs * rows)
  for (let row = 0; row < rows; row += tile) {
    const end = Math.min(row + tile, rows)
    kernel.coef.set(coef.subarray(row * nFeaturesIn, end * nFeaturesIn))
    for (let first = 0; first < inputs; first += block) {
      const last = Math.min(first + block, inputs)
      const at = addressOf(kernel, x, first * nFeaturesIn, last * nFeaturesIn)
      run(at, last - first, COEF_AT, end - row, nFeaturesIn, DECISIONS_AT)
      let from = 0
      for (let i = first; i < last; i++) {
        for (let c = row; c < end; c++) z[i * rows + c] = kernel.decisions[from++] + intercept[c]
      }
    }
  }
  return z
}

/**
 * How many rows of so many bytes.
 * @param {number} size
 * @param {number} most
 */
function atOnce(size, most) {
  return Math.min(Math.max(Math.floor(TILE / size), 8), most)
}

/**
 * Where the kernel finds some values of x, copied if need be.
 * @param {Kernel} kernel
 * @param {Float32Array | Float64Array} x
 * @param {number} start
 * @param {number} end
 */
function addressOf({ buffer }, x, start, end) {
  if (x.buffer === buffer) return x.byteOffset + start * x.BYTES_PER_ELEMENT
  const bytes = (/** @type {number} */ index) => index * x.BYTES_PER_ELEMENT
  new Uint8Array(buffer, INPUTS_AT).set(new Uint8Array(x.buffer, x.byteOffset + bytes(start), bytes(end - start)))
  return INPUTS_AT
}

useKernel(simdDecisions(TRIAL))
