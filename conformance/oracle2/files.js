// Reads the files of accepted cases. They are known to be well-formed, so nothing is refused here.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromBits, fromBits32, fromHex } from './binary64.js'
import { seeds } from './binding.js'

/** Version 0 states no thresholds: those of spec/v0/README.md. */
const VERSION_0 = { threshold: 0.5, assay_thresholds: { ELISA: 0.5, PSR: 0.5495 } }

/** Name and bytes of each member, by the central directory. */
function members(npz) {
  const found = new Map()
  let at = npz.readUInt32LE(npz.length - 6)
  for (let left = npz.readUInt16LE(npz.length - 12); left > 0; left--) {
    const size = npz.readUInt32LE(at + 24)
    const nameEnd = at + 46 + npz.readUInt16LE(at + 28)
    const local = npz.readUInt32LE(at + 42)
    const start = local + 30 + npz.readUInt16LE(local + 26) + npz.readUInt16LE(local + 28)
    found.set(npz.toString('latin1', at + 46, nameEnd), npz.subarray(start, start + size))
    at = nameEnd
  }
  return found
}

function array(bytes) {
  const [, descr, shape] = /'descr': '([^']+)'.*'shape': \(([^)]*)\)/.exec(bytes.toString('latin1', 10, 128))
  return { descr, shape: shape.split(',').filter((part) => part.trim()).map(Number), data: bytes.subarray(128) }
}

function real(descr, data) {
  const size = Number(descr.at(-1))
  return Array.from({ length: data.length / size }, (_, i) =>
    size === 4 ? fromBits32(data.readUInt32LE(4 * i)) : fromBits(data.readBigUInt64LE(8 * i)))
}

function labels({ descr, shape, data }) {
  const size = data.length / shape[0]
  return Array.from({ length: shape[0] }, (_, i) => label(descr, data.subarray(i * size, (i + 1) * size)))
}

function label(descr, item) {
  if (descr.startsWith('<U')) {
    const points = Array.from({ length: item.length / 4 }, (_, i) => item.readUInt32LE(4 * i))
    return { t: 'str', v: String.fromCodePoint(...points).replace(/\0+$/, '') }
  }
  let pattern = 0n
  for (const byte of [...item].reverse()) pattern = (pattern << 8n) | BigInt(byte)
  if (descr === '|b1') return { t: 'bool', v: String(pattern === 1n) }
  if (descr === '<f8') return { t: 'float', v: pattern.toString(16).padStart(16, '0') }
  return { t: 'int', v: String(descr.includes('u') ? pattern : BigInt.asIntN(8 * item.length, pattern)) }
}

/** A JavaScript number as a value. JSON.parse reads a token to the nearest binary64, as T5 says. */
function fromNumber(number) {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(number)
  return fromHex(bytes.toString('hex'))
}

export function readHead(folder) {
  const found = members(readFileSync(join(folder, 'model.npz')))
  const coef = array(found.get('coef.npy'))
  const [rows, n] = coef.shape
  const flat = real(coef.descr, coef.data)
  const intercept = array(found.get('intercept.npy'))
  const text = readFileSync(join(folder, 'model_config.json'), 'utf8')
  const config = JSON.parse(text)
  const rule = 'format' in config ? config.decision : VERSION_0
  return {
    coef: Array.from({ length: rows }, (_, c) => flat.slice(c * n, (c + 1) * n)),
    intercept: real(intercept.descr, intercept.data),
    labels: labels(array(found.get('classes.npy'))),
    threshold: rule && fromNumber(rule.threshold),
    assays: rule && new Map(Object.entries(rule.assay_thresholds).map(([name, value]) => [name, fromNumber(value)])),
    selfTest: config.self_test ?? [],
    seeds: seeds(text)
  }
}

export function readRows(folder, { path, dtype, rows, cols }) {
  const flat = real(`<${dtype}`, readFileSync(join(folder, path)))
  return Array.from({ length: rows }, (_, r) => flat.slice(r * cols, (r + 1) * cols))
}

/** P7. */
export function inForce(head, { threshold, assay_type: assay }) {
  if (assay !== null) return head.assays.get(assay)
  return threshold === null ? head.threshold : fromHex(threshold)
}
