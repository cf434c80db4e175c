// Sequences: the cases of the suite, the golden six, and what holds for every text.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ALPHABET, MAX_RESIDUES, RESIDUES, SequenceError, goldenSequences, normalise, tokenize } from 'plmhead/sequences'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const residues = fc.string({ unit: fc.constantFrom(...RESIDUES, 'X'), minLength: 1, maxLength: 60 })

test('every case of conformance/tokenizer', () => {
  const { cases } = JSON.parse(read('conformance/tokenizer/cases.json'))
  assert.ok(cases.length > 250)
  for (const { why, sequences, too_long: tooLong, expect } of cases) {
    const tokens = () => tokenize(sequences.map((text, row) => normalise(text, { where: `/${row}`, tooLong })), 'int32')
    if (expect.error) {
      assert.throws(tokens, (error) => {
        assert.ok(error instanceof SequenceError)
        assert.deepEqual({ code: error.code, where: error.where, position: error.position }, expect.error, why)
        return true
      })
    } else {
      const { rows, length, inputIds, attentionMask } = tokens()
      assert.deepEqual([rows, Array.from(inputIds), Array.from(attentionMask)],
        [sequences.length, expect.input_ids.flat(), expect.attention_mask.flat()], why)
      assert.equal(inputIds.length, rows * length)
    }
  }
})

test('codes and remedies are those of errors.json', () => {
  const { errors } = JSON.parse(read('spec/v1/errors.json'))
  for (const text of ['', '*', 'A'.repeat(1023)]) {
    assert.throws(() => normalise(text), ({ code, remedy }) => {
      const entry = errors.find((known) => known.code === code && known.phase === 'sequence')
      return entry && (remedy === entry.remedy || code === 'SEQUENCE_LETTER')
    })
  }
})

test('a message says what was found, and shows nothing that steers a terminal', () => {
  assert.throws(() => normalise(' MK*A', { where: '/3' }), {
    message: `SEQUENCE_LETTER (/3): found '*' (U+002A) at position 3, expected one of ${RESIDUES} or X`, remedy: 'remove the stop mark',
  })
  assert.throws(() => normalise('M\u202e'), ({ message }) => /^[ -~]*$/.test(message) && message.includes('U+202E at position 2'))
})

test('the golden sequences are those of the specification', () => {
  const spec = read('spec/v1/SPEC.md')
  const golden = goldenSequences()
  assert.deepEqual(golden.map((sequence) => sequence.length), [1, 20, 24, 119, 121, 1022])
  for (const sequence of golden.slice(0, 3)) assert.ok(spec.includes(`\`${sequence}\``))
  for (const [, j, length, start] of spec.matchAll(/g\((\d), (\d+)\) begins `([A-Z]+)`/g)) {
    assert.ok(golden[j].startsWith(start) && golden[j].length === Number(length))
  }
  assert.ok(spec.includes(`\`${ALPHABET.join(' ')}\``))
})

test('any text gives residues or our error', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
    try {
      assert.match(normalise(text), /^[ACDEFGHIKLMNPQRSTVWXY]+$/)
    } catch (error) {
      assert.ok(error instanceof SequenceError)
    }
  }))
})

test('tokens lead back to the sequences, and normalising again changes nothing', () => {
  fc.assert(fc.property(fc.array(residues, { minLength: 1, maxLength: 6 }), (texts) => {
    const sequences = texts.map((text) => normalise(` ${text.toLowerCase()}\n`))
    assert.deepEqual(sequences, texts)
    assert.deepEqual(sequences.map((sequence) => normalise(sequence)), texts)
    const { length, inputIds, attentionMask } = tokenize(sequences)
    assert.ok(inputIds instanceof BigInt64Array)
    for (const [row, text] of texts.entries()) {
      const kept = Array.from(inputIds.slice(row * length, (row + 1) * length)).filter((_, i) => attentionMask[row * length + i] === 1n)
      assert.deepEqual(kept.map((id) => ALPHABET[Number(id)]), ['<cls>', ...text, '<eos>'])
    }
  }))
})

test('other arguments are the caller\'s mistake', () => {
  assert.throws(() => normalise(1), TypeError)
  assert.throws(() => normalise('MK', { tooLong: 'cut' }), TypeError)
  assert.equal(MAX_RESIDUES, 1022)
})
