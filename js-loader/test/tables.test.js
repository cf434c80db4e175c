// FASTA and CSV, in pieces of any size.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatOf, readTable } from '../src/encode/index.js'
import { decimal } from '../src/encode/lines.js'

async function read(input, format, column) {
  const found = []
  for await (const record of readTable(input, { name: 'table', format, column })) found.push(record)
  return found
}

function* cut(bytes, sizes) {
  let at = 0
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length]
    yield bytes.subarray(at, at + size)
    at += size
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
const record = (line, id, sequence) => ({ line, id, sequence, fault: null })

test('FASTA is read by its lines', async () => {
  const text = '\ufeff\n>a b\nMK\n\n L \r\n>\n>c\nM'
  assert.deepEqual(await read(text, 'fasta'), [record(2, 'a', 'MKL'), record(6, '', ''), record(7, 'c', 'M')])
  const [early] = await read('MKL\n>a\nMK\n', 'fasta')
  assert.match(early.fault, /^found "MKL" before the first header/)
})

test('FASTA leads back to what was written, in whatever pieces it comes', async () => {
  const row = fc.tuple(fc.stringMatching(/^[a-z0-9|]{1,8}$/), fc.stringMatching(/^[A-Y]{0,40}$/))
  await fc.assert(fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 20 }), fc.constantFrom('\n', '\r\n'), sizes, async (rows, width, end, pieces) => {
    const wrapped = rows.map(([id, text]) => [`>${id} more`, ...(text.match(RegExp(`.{1,${width}}`, 'g')) ?? [])].join(end) + end)
    const bytes = new TextEncoder().encode(wrapped.join(''))
    const found = await read(cut(bytes, pieces), 'fasta')
    assert.deepEqual(found.map(({ id, sequence }) => [id, sequence]), rows)
  }), { numRuns: 100 })
})

test('CSV leads back to what was written, lines counted by line feeds', async () => {
  const cell = fc.string({ unit: fc.constantFrom(...'abK,"\r\n é'), maxLength: 8 })
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), fc.constantFrom('\n', '\r\n'), sizes, async (rows, end, pieces) => {
    const quote = (text) => `"${text.replaceAll('"', '""')}"`
    const lines = rows.map((row) => row.map(quote).join(',') + end)
    const bytes = new TextEncoder().encode(`id,sequence${end}${end}${lines.join('')}`)
    const found = await read(cut(bytes, pieces), 'csv')
    let line = 3
    rows.forEach(([id, sequence], i) => {
      assert.deepEqual(found[i], record(line, id, sequence))
      line += lines[i].split('\n').length - 1
    })
    assert.equal(found.length, rows.length)
  }), { numRuns: 100 })
})

test('bytes of any kind are the same records or the same refusal, in one piece or many', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('fasta', 'csv'), sizes, async (bytes, format, pieces) => {
    const outcome = async (input) => read(input, format, '').catch((error) => {
      assert.equal(error.code, 'DATA')
      return error.message
    })
    assert.deepEqual(await outcome(cut(bytes, pieces)), await outcome(bytes))
  }), { numRuns: 200 })
})

test('a text, bytes, a file, a stream', async () => {
  const text = 'sequence\nMK\n'
  const due = [record(2, null, 'MK')]
  const inputs = [text, new TextEncoder().encode(text), new File([text], 'x'), new Blob([text]).stream(), [...text]]
  for (const input of inputs) assert.deepEqual(await read(input, 'csv'), due)
})

test('a quote inside a bare cell is text, and what follows a closing quote belongs to the cell', async () => {
  const found = await read('a,sequence\nMK"L,"M""K"L\n', 'csv')
  assert.deepEqual(found, [record(2, null, 'M"KL')])
})

test('what is refused', async () => {
  const cases = [
    ['csv', '', /found the columns , expected a column "sequence"/],
    ['csv', 'id,seq\n', /found the columns id, seq, expected a column "sequence"/],
    ['csv', 'sequence, sequence\n', /more than once/],
    ['csv', new Uint8Array([...new TextEncoder().encode('sequence\nM'), 255]), /line 2 is not UTF-8/],
    ['csv', `sequence\n"${'M'.repeat(2 ** 24 + 1)}"`, /line 2 has more than 16777216 bytes/],
    ['fasta', new Uint8Array([62, 97, 10, 255, 10]), /line 2 is not UTF-8/],
    ['fasta', `>a\nMK\n>${'b'.repeat(2 ** 20)}`, /line 3 has more than 1048576 bytes/],
  ]
  for (const [format, input, message] of cases) {
    await assert.rejects(read(input, format), (error) => error.code === 'DATA' && error.where === 'table' && message.test(error.message))
  }
  const [row] = await read('id,sequence\na,MK,7\n', 'csv')
  assert.deepEqual(row, { line: 2, id: null, sequence: null, fault: 'found 3 cells, expected 2' })
  assert.equal((await read(`>a\n${'MKLV\n'.repeat(300000)}`, 'fasta'))[0].fault, 'found a sequence of more than 1048576 characters, expected at most that many')
})

test('formats by suffix', () => {
  assert.deepEqual(['a.fa', 'a.FAA', 'a.fasta', 'b.c.csv'].map(formatOf), ['fasta', 'fasta', 'fasta', 'csv'])
  for (const name of ['a.txt', 'fasta', '']) assert.throws(() => formatOf(name), { code: 'DATA', where: name })
})

test('numbers of a CSV are those of Rust', () => {
  const due = { '1.0': 1, '-0.0': -0, '0.5': 0.5, '0.0001': 1e-4, '9.5e-5': 9.5e-5, '1e-7': 1e-7, '1e16': 1e16, '123456789012345.0': 123456789012345, '5e-324': 5e-324 }
  for (const [text, value] of Object.entries(due)) assert.equal(decimal(value), text)
})
