// The JSON parser, SHA-256 and CRC-32 against Node's own.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { toPlain } from '../src/config.js'
import { parseJson } from '../src/json.js'
import { sha256 } from '../src/sha256.js'
import { crc32 } from '../src/zip.js'

const parse = (text) => parseJson(new Uint8Array(Buffer.from(text)))
const codeOf = (run) => {
  try {
    run()
    return 'accepted'
  } catch (error) {
    return error.code
  }
}

test('what JSON.stringify writes is read back', () => {
  const value = fc.jsonValue({ maxDepth: 5, stringUnit: 'grapheme' })
  fc.assert(fc.property(value, fc.constantFrom(undefined, 2, '\t\n\r '), (given, space) => {
    const text = JSON.stringify(given, null, space)
    // Half surrogates and integers beyond 2^53 are JSON, but not I-JSON.
    if (/\\ud[89a-f]|\d{16}/i.test(text)) return
    assert.equal(JSON.stringify(toPlain(parse(text))), JSON.stringify(JSON.parse(text)))
  }), { numRuns: 2000 })
})

test('names keep the order of the file', () => {
  const names = []
  parse('{"10": 1, "b": 2, "9": 3, "__proto__": 4}').forEach((name) => names.push(name))
  assert.deepEqual(names, ['10', 'b', '9', '__proto__'])
})

test('any text is accepted only if JSON.parse accepts it, with the same value', () => {
  const piece = fc.constantFrom(...'{}[]",:-+.eE0123456789truefalsn\\ud8dc \t\n', '"a"', 'null', '1.5', '\\ud83d\\ude00')
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    const text = pieces.join('')
    const code = codeOf(() => parse(text))
    if (code === 'accepted') assert.equal(JSON.stringify(toPlain(parse(text))), JSON.stringify(JSON.parse(text)))
    else assert.ok(code.startsWith('JSON_'), code)
    if (code === 'JSON_SYNTAX') assert.throws(() => JSON.parse(text), SyntaxError)
  }), { numRuns: 20000 })
})

test('a number is read to the nearest binary64, ties to even, whatever its length', () => {
  // 2^53 + 1 lies half-way between two neighbours; one digit far behind the point decides.
  const cases = [
    ['9007199254740993.0', 9007199254740992], ['9007199254740995.0', 9007199254740996],
    ['9007199254740993.00000000000000000000000000000000000000000000001', 9007199254740994],
    ['9007199254740992.99999999999999999999999999999999999999999999999', 9007199254740992],
    ['2.4703282292062327208828439643411068618252990130716e-324', 0],
    ['2.4703282292062327208828439643411068618252990130717e-324', 5e-324],
    ['1.7976931348623158079372897140530341507993413271003e308', Number.MAX_VALUE],
  ]
  for (const [text, expected] of cases) assert.equal(parse(text).value, expected, text)
  assert.equal(codeOf(() => parse('1.7976931348623159e308')), 'JSON_NUMBER')
})

test('sha256 and crc32 agree with others', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926)
  for (let length = 0; length < 300; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 7 + length) & 255))
    assert.equal(sha256(bytes), createHash('sha256').update(bytes).digest('hex'), `${length} bytes`)
    assert.equal(sha256(Buffer.concat([Buffer.alloc(3), bytes]).subarray(3)), sha256(bytes))
  }
  const large = Buffer.alloc(5000001, 'plmhead')
  assert.equal(sha256(large), createHash('sha256').update(large).digest('hex'))
})
