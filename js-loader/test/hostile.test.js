// Whatever the bytes are, load() returns a Head or throws FormatError: never another error, and never by hanging.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { Head, isFormatError, load } from '../src/index.js'
import { configBytes, configMembers, defaultParts, memberFiles, seal, softmaxParts, zip } from './support/pair.js'

const published = fileURLToPath(new URL('../../../shared/data/published_v0/boughter_vh_esm1v_logreg', import.meta.url))
const skip = existsSync(`${published}.npz`) ? false : 'the published pair is not here (shared/data/published_v0)'

const VALID = [defaultParts(), softmaxParts()].map((parts) => {
  const members = memberFiles(parts)
  const npz = zip(members)
  const config = configMembers(parts, npz)
  return { parts, members, npz, config, bytes: configBytes(config) }
})

/** Loads, and returns the code, or `accepted`. */
function outcome(npz, config) {
  try {
    assert.ok(load(npz, config) instanceof Head)
    return 'accepted'
  } catch (error) {
    if (!isFormatError(error) || !(error instanceof Error) || typeof error.where !== 'string') throw error
    return error.code
  }
}

const edit = fc.oneof(
  fc.record({ kind: fc.constant('set'), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('cut'), at: fc.nat(), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('insert'), at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
  fc.record({ kind: fc.constant('double'), at: fc.nat(), count: fc.integer({ min: 1, max: 80 }) }),
  fc.record({ kind: fc.constant('maximum'), at: fc.nat() }),
)

function mutate(bytes, edits) {
  return edits.reduce((current, change) => {
    const at = change.at % (current.length + 1)
    const before = current.subarray(0, at)
    if (change.kind === 'cut') return Buffer.concat([before, current.subarray(at + change.count)])
    if (change.kind === 'insert') return Buffer.concat([before, change.bytes, current.subarray(at)])
    if (change.kind === 'double') return Buffer.concat([current.subarray(0, at + change.count), current.subarray(at)])
    const copy = Buffer.from(current)
    const length = change.kind === 'set' ? 1 : 4
    copy.fill(change.byte ?? 0xff, at, Math.min(at + length, copy.length))
    return copy
  }, bytes)
}

const edits = fc.array(edit, { minLength: 1, maxLength: 4 })
const index = fc.integer({ min: 0, max: VALID.length - 1 })

test('the pairs that are mutated below are valid', () => {
  for (const { npz, bytes } of VALID) assert.equal(outcome(npz, bytes), 'accepted')
})

test('any bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 400 }), (npz, config) => {
    assert.notEqual(outcome(npz, config), 'accepted')
  }), { numRuns: 2000 })
})

test('any JSON as config', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.notEqual(outcome(VALID[0].npz, Buffer.from(text)), 'accepted')), { numRuns: 2000 })
})

test('a mutated NPZ or config does not pass its digest', () => {
  fc.assert(fc.property(index, edits, fc.boolean(), (which, changes, ofConfig) => {
    const { npz, bytes } = VALID[which]
    const original = ofConfig ? bytes : npz
    const changed = mutate(original, changes)
    const code = ofConfig ? outcome(npz, changed) : outcome(changed, bytes)
    if (!changed.equals(original)) assert.notEqual(code, 'accepted')
  }), { numRuns: 4000 })
})

test('a mutated NPZ behind a right digest', () => {
  const codes = new Set()
  fc.assert(fc.property(index, edits, (which, changes) => {
    const { parts, npz } = VALID[which]
    const changed = mutate(npz, changes)
    codes.add(outcome(changed, configBytes(configMembers(parts, changed))))
  }), { numRuns: 8000 })
  for (const code of ['ZIP_END', 'ZIP_CENTRAL', 'ZIP_LOCAL', 'ZIP_CRC']) assert.ok(codes.has(code), `${code} was not reached`)
})

test('a mutated member behind right checksums', () => {
  const codes = new Set()
  fc.assert(fc.property(index, fc.nat({ max: 4 }), edits, (which, member, changes) => {
    const { parts, members } = VALID[which]
    const npz = zip(members.map(([name, data], i) => [name, i === member ? mutate(data, changes) : data]))
    codes.add(outcome(npz, configBytes(configMembers(parts, npz))))
  }), { numRuns: 8000 })
  for (const code of ['NPY_PREAMBLE', 'NPY_HEADER', 'NPY_LENGTH', 'SELF_TEST']) assert.ok(codes.has(code), `${code} was not reached`)
})

test('a mutated config behind a right seal', () => {
  const codes = new Set()
  fc.assert(fc.property(index, edits, (which, changes) => {
    const { npz, bytes } = VALID[which]
    codes.add(outcome(npz, seal(mutate(bytes.subarray(0, -86), changes))))
  }), { numRuns: 6000 })
  for (const code of ['JSON_SYNTAX', 'FIELD_MISSING', 'FIELD_VALUE']) assert.ok(codes.has(code), `${code} was not reached`)
})

test('any value in the place of any member', () => {
  const special = fc.constantFrom(null, true, '', 0, -1, 1.5, 1e300, {}, [], [null], { '': 0 }, [[[[]]]])
  fc.assert(fc.property(index, fc.nat(), fc.oneof(special, fc.jsonValue()), (which, at, value) => {
    const { npz, config } = VALID[which]
    const name = Object.keys(config)[at % Object.keys(config).length]
    outcome(npz, configBytes({ ...config, [name]: value }))
  }), { numRuns: 4000 })
})

test('the published pair, mutated', { skip }, () => {
  const npz = readFileSync(`${published}.npz`)
  const config = readFileSync(`${published}_config.json`)
  assert.equal(outcome(npz, config), 'accepted')
  fc.assert(fc.property(edits, fc.boolean(), (changes, ofConfig) => {
    if (ofConfig) outcome(npz, mutate(config, changes))
    else outcome(mutate(npz, changes), config)
  }), { numRuns: 2000 })
})
