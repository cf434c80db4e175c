// `node --import` of this file: every sum is the kernel's, from the first one on. A process without a sum fails.
import { useKernel } from '../../src/score.js'
import { simdDecisions } from '../../src/simd.js'

const scores = simdDecisions(0)
let sums = 0

useKernel((model, x) => {
  sums += 1
  return scores(model, x)
})

process.on('exit', () => {
  if (sums === 0) process.exitCode = 1
})
