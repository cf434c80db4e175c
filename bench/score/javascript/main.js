// Contestants in Node: reads one request a line, answers with one JSON object a line. ../README.md says what requests mean.
// What only one contestant needs is imported by it, so that a fresh process of plmhead imports plmhead alone.

const LOADER = '../../../js-loader/src'
const USAGE = 'usage: main.js CONTESTANT ARTIFACT THREADS VALUES | first ARTIFACT'

/**
 * How a contestant reads its artifact, and how it makes the array that the input is in.
 * @typedef {object} Contestant
 * @property {() => Promise<Model> | Model} load
 * @property {(length: number) => Float32Array} array
 */
/**
 * @typedef {object} Model
 * @property {(x: Float32Array, rows: number) => Promise<ArrayLike<number>> | ArrayLike<number>} predict probabilities, row by row
 * @property {() => void} drop
 */

const ordinary = (length) => new Float32Array(length)

async function plmhead(artifact) {
  const { loadFile } = await import(`${LOADER}/node.js`)
  return { load: () => modelOf(loadFile(artifact)), array: ordinary }
}

/** The input is in the kernel's memory, as the documentation advises for many rows: nothing is copied. */
async function withInputArray(artifact) {
  const { inputArray } = await import(`${LOADER}/simd.js`)
  return { ...(await plmhead(artifact)), array: inputArray }
}

/** As in a page whose security policy forbids WebAssembly: the kernel is never imported. */
async function plain(artifact) {
  const [{ readFileSync }, { loadBytes }] = await Promise.all([import('node:fs'), import(`${LOADER}/load.js`)])
  const load = () => modelOf(loadBytes(readFileSync(`${artifact}.npz`), readFileSync(`${artifact}_config.json`), {}, true))
  return { load, array: ordinary }
}

function modelOf(head) {
  return { predict: (x) => head.predictProba(x), drop() {} }
}

async function onnxruntime(artifact, threads) {
  const { InferenceSession, Tensor } = (await import('onnxruntime-node')).default
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, executionProviders: ['cpu'] }
  async function load() {
    const session = await InferenceSession.create(`${artifact}.onnx`, options)
    const predict = async (x, rows) => (await session.run({ X: new Tensor('float32', x, [rows, x.length / rows]) })).P.data
    return { predict, drop: () => session.release() }
  }
  return { load, array: ordinary }
}

const CONTESTANTS = { plmhead, 'plmhead-input-array': withInputArray, 'plmhead-plain': plain, onnxruntime }

/** Values in [-1, 1) that any language makes the same: a counter of 32 bits, scrambled. */
function fill(array) {
  for (let i = 0; i < array.length; i++) array[i] = Math.imul(i, 2_654_435_761) / 2 ** 31
  return array
}

/** How many features an artifact has is in its name. */
function featuresOf(artifact) {
  return Number.parseInt(artifact.slice(artifact.lastIndexOf('/') + 1), 10)
}

/** What a fresh process is started for. */
async function first(artifact) {
  const { load } = await plmhead(artifact)
  const p = load().predict(fill(new Float32Array(featuresOf(artifact))))
  console.log(JSON.stringify({ probability: [p[p.length - 1]] }))
}

async function serve(word, artifact, threads, count) {
  const { createInterface } = await import('node:readline')
  const { load, array } = await CONTESTANTS[word](artifact, threads)
  const features = featuresOf(artifact)
  const x = fill(array(count))
  const model = await load()
  let place = 0

  async function score(rows) {
    if (place + rows * features > x.length) place = 0
    const part = x.subarray(place, (place += rows * features))
    const start = process.hrtime.bigint()
    await model.predict(part, rows)
    return Number(process.hrtime.bigint() - start)
  }

  async function loadOnce() {
    const start = process.hrtime.bigint()
    ;(await load()).drop()
    return Number(process.hrtime.bigint() - start)
  }

  async function show(rows) {
    const p = await model.predict(x.subarray(0, rows * features), rows)
    const classes = p.length / rows
    return { probability: Array.from({ length: rows }, (_, row) => p[(row + 1) * classes - 1]) }
  }

  async function answer(what, rows, repeats) {
    if (what === 'show') return show(rows)
    const once = { score, load: loadOnce }[what]
    const nanoseconds = []
    for (let i = 0; i < repeats; i++) nanoseconds.push(await once(rows))
    return { nanoseconds }
  }

  for await (const line of createInterface({ input: process.stdin })) {
    const [what, rows, repeats] = line.split(' ')
    // Whatever a library throws is its result.
    const result = await answer(what, Number(rows), Number(repeats)).catch((fault) => ({ error: String(fault).split('\n')[0] }))
    process.stdout.write(`${JSON.stringify(result)}\n`)
  }
}

const [word, ...rest] = process.argv.slice(2)
if (word === 'first' && rest.length === 1) {
  await first(rest[0])
} else if (Object.hasOwn(CONTESTANTS, word ?? '') && rest.length === 3) {
  await serve(word, rest[0], Number(rest[1]), Number(rest[2]))
} else {
  console.error(USAGE)
  process.exitCode = 2
}
