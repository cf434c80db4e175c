// What the targets share: the form of an input, seals put right, and what every accepted head must do.
import assert from 'node:assert'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { isFormatError, isInputError, load } from '../../../js-loader/src/index.js'

const SEAL = 86
const END = 22
const CASES = new URL('../../../conformance/cases/base/', import.meta.url)

/** Of the conformance suite: a version 1 pair with every member, a version 0 pair, and a version 1 pair with the smallest config. */
export const BASES = ['full', 'v0', 'plain'].map((name) => ({
  npz: readFileSync(new URL(`${name}/model.npz`, CASES)),
  config: readFileSync(new URL(`${name}/model_config.json`, CASES)),
}))

/**
 * The two files in the bytes of load_pair: a flag, the config's length in three bytes, the config, the NPZ.
 * With the lowest bit of the flag every CRC-32 and digest is put right.
 */
export function pairOf(data) {
  if (data.length < 4) return null
  const length = data.readUIntLE(1, 3)
  const config = Buffer.from(data.subarray(4, 4 + length))
  const npz = Buffer.from(data.subarray(4 + length))
  if (data[0] & 1) reseal(npz, config)
  return { npz, config }
}

/** Puts right the CRC-32 of every member, npz_sha256 and config_sha256, as far as they can be found. */
export function reseal(npz, config) {
  resealMembers(npz)
  if (config.length <= SEAL) return
  const at = config.indexOf('"npz_sha256": "')
  if (at >= 0) writeDigest(config, at + 15, npz)
  writeDigest(config, config.length - 68, config.subarray(0, config.length - SEAL))
}

function writeDigest(config, at, of) {
  if (at + 64 <= config.length) config.write(createHash('sha256').update(of).digest('hex'), at, 'latin1')
}

/** Walks the directory; a record that leads nowhere ends the walk. */
function resealMembers(npz) {
  if (npz.length < END) return
  const count = Math.min(16, npz.readUInt16LE(npz.length - 12))
  let record = npz.readUInt32LE(npz.length - 6)
  for (let i = 0; i < count; i++) {
    if (record + 46 > npz.length) return
    const local = npz.readUInt32LE(record + 42)
    if (local + 30 > npz.length) return
    const start = local + 30 + npz.readUInt16LE(local + 26) + npz.readUInt16LE(local + 28)
    const end = start + npz.readUInt32LE(record + 24)
    if (end > npz.length) return
    const crc = crc32(npz.subarray(start, end))
    npz.writeUInt32LE(crc, record + 16)
    npz.writeUInt32LE(crc, local + 14)
    record += 46 + npz.readUInt16LE(record + 28)
  }
}

/** The base's archive with data in the place of member `which`, of five; right in every field. */
export function withMember(base, which, data) {
  const members = membersOf(base)
  members[which % 5].data = data
  const parts = []
  const directory = []
  let offset = 0
  for (const member of members) {
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x21, 8)
    common.writeUInt32LE(crc32(member.data), 10)
    common.writeUInt32LE(member.data.length, 14)
    common.writeUInt32LE(member.data.length, 18)
    common.writeUInt16LE(member.name.length, 22)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, place, member.name)
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, member.name, member.data)
    offset += 30 + member.name.length + member.data.length
  }
  const end = Buffer.alloc(END)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.reduce((sum, part) => sum + part.length, 0), 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, ...directory, end])
}

/** Name and data of each member of a base, in the order of the file. */
function membersOf(base) {
  const found = []
  let at = 0
  while (base.readUInt32LE(at) === 0x04034b50) {
    const nameEnd = at + 30 + base.readUInt16LE(at + 26)
    const extra = base.readUInt16LE(at + 28)
    const size = base.readUInt32LE(extra === 20 ? nameEnd + 4 : at + 22)
    const start = nameEnd + extra
    found.push({ name: base.subarray(at + 30, nameEnd), data: base.subarray(start, start + size) })
    at = start + size
  }
  return found
}

/** Loads a pair. An error is the format's own; an accepted head scores finite values, or says which row overflows. */
export function check({ npz, config }) {
  let head
  try {
    head = load(npz, config)
  } catch (error) {
    if (!isFormatError(error)) throw error
    assert(error.code && error.message)
    return
  }
  const n = head.nFeaturesIn
  score(head, new Float64Array(2 * n).fill(1))
  score(head, Float32Array.from({ length: n }, (_, i) => i - 2.5))
  score(head, new Float64Array(n).fill(Number.MAX_VALUE))
}

function score(head, x) {
  let scores
  try {
    scores = head.score(x)
  } catch (error) {
    if (!isInputError(error)) throw error
    assert.equal(error.code, 'DECISION_NONFINITE')
    return
  }
  const k = head.classes.length
  const sums = new Float64Array(scores.labels.length)
  assert(scores.decision.every(Number.isFinite))
  assert(scores.probability.every((p) => p >= 0 && p <= 1))
  scores.probability.forEach((p, i) => { sums[Math.floor(i / k)] += p })
  assert(sums.every((sum) => Math.abs(sum - 1) < 1e-9))
  assert.equal(scores.labels.length * head.nFeaturesIn, x.length)
}
