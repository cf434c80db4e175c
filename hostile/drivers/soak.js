// node --expose-gc soak.js NAME REFUSED X LOADS SCORES: as soak_python.py. A head cannot be sent to a worker, so the workers share
// the bytes of the pair in shared memory, and each makes a head of them. What counts is the heap and the buffers after a collection;
// the resident size is told as well.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { isFormatError, load } from '../../js-loader/src/index.js'
import { loadFile, loadPair } from '../../js-loader/src/node.js'

const WORKERS = 4
const ROWS = 10 // a call

function held() {
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage() // external holds the array buffers
  return heapUsed + external
}

/** The largest size held in nine looks at `step` over that after the first tenth of the calls. */
function growth(count, step) {
  const tenth = () => { for (let i = 0; i < Math.floor(count / 10); i++) step(i) }
  tenth()
  const base = held()
  let largest = 0
  for (let look = 0; look < 9; look++) {
    tenth()
    largest = Math.max(largest, held() - base)
  }
  return largest
}

/** A digest of decisions and probabilities of all rows, scored by tens. Nodes on x86 and ARM are little-endian. */
function bits(head, x) {
  const decisions = createHash('sha256')
  const probabilities = []
  for (let start = 0; start < x.length; start += ROWS * head.nFeaturesIn) {
    const { decision, probability } = head.score(x.subarray(start, start + ROWS * head.nFeaturesIn))
    decisions.update(decision)
    probabilities.push(probability)
  }
  for (const probability of probabilities) decisions.update(probability)
  return decisions.digest('hex')
}

/** Every tenth load is one that must be refused. */
function loadOnce(name, refused, i) {
  if (i % 10 !== 0) return void loadFile(name)
  try {
    loadFile(refused)
  } catch (error) {
    if (isFormatError(error)) return
    throw error
  }
  throw new Error('the refused pair was loaded')
}

function shared(bytes) {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}

/** A worker: its share of the scores. */
function work({ npz, config, x, scores }) {
  const head = load(npz, config)
  const found = new Set()
  const largest = growth(Math.floor(scores / (x.length / head.nFeaturesIn)), () => found.add(bits(head, x)))
  parentPort.postMessage({ digests: [...found], growth: largest })
}

function startWorker(data) {
  return new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url), { workerData: data }).once('message', resolve).once('error', reject)
  })
}

async function main(name, refused, xPath, loads, scores) {
  const pair = loadPair(name)
  const rows = readFileSync(xPath)
  const x = new Float32Array(new SharedArrayBuffer(rows.length))
  new Uint8Array(x.buffer).set(rows)
  const data = { npz: shared(pair.npz), config: shared(pair.config), x, scores: scores / WORKERS }
  const results = await Promise.all(Array.from({ length: WORKERS }, () => startWorker(data)))
  const digests = new Set([bits(loadFile(name), x), ...results.flatMap((result) => result.digests)])
  const loadGrowth = growth(loads, (i) => loadOnce(name, refused, i))
  const largest = Math.max(loadGrowth, ...results.map((result) => result.growth))
  console.log(JSON.stringify({
    language: 'javascript', loads, scores, growth: largest, digests: [...digests], rss: process.memoryUsage().rss,
  }))
}

if (isMainThread) {
  const [name, refused, x, loads, scores] = process.argv.slice(2)
  await main(name, refused, x, Number(loads), Number(scores))
} else {
  work(workerData)
}
