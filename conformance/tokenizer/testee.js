// The JavaScript tokenizer as a testee: a request a line in, an answer a line out (see run.py).
import { createInterface } from 'node:readline'
import { SequenceError, normalise, tokenize } from '../../js-loader/src/sequences.js'

function rowsOf(values, length) {
  return Array.from({ length: values.length / length }, (_, row) => Array.from(values.slice(row * length, (row + 1) * length), Number))
}

function answer({ sequences, too_long: tooLong }) {
  try {
    const texts = sequences.map((text, row) => normalise(text, { where: `/${row}`, tooLong }))
    const { length, inputIds, attentionMask } = tokenize(texts)
    return { input_ids: rowsOf(inputIds, length), attention_mask: rowsOf(attentionMask, length) }
  } catch (error) {
    if (!(error instanceof SequenceError)) throw error
    return { error: { code: error.code, where: error.where, position: error.position } }
  }
}

// JSON allows U+2028 and U+2029 raw; readline takes them for ends of lines, so requests escape them.
for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(answer(JSON.parse(line))))
