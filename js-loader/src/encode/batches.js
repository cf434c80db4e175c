// Sequences to token batches of fixed shapes, as in Python: a batch is (rows, bucket), shorter sequences are padded to their
// bucket, a batch that is not full gets dummy rows. So an embedding depends on its sequence and its bucket alone, to the bit
// for one runtime and `batchSize`, whatever stands beside it.

/** The most tokens of a batch, unless one sequence has more: what suits a processor's caches and a page's memory. */
const BATCH_TOKENS = 1024

/**
 * The length, in tokens, of the batches that hold sequences of so many residues: multiples of 8 up to 256, of 32 up to 512,
 * of 64 up to 1,024.
 * @param {number} residues 1 to 1,022
 */
export function bucketOf(residues) {
  const tokens = residues + 2
  const step = tokens <= 256 ? 8 : tokens <= 512 ? 32 : 64
  return Math.ceil(tokens / step) * step
}

/**
 * Batches of normalised sequences, the longest bucket first: if memory does not suffice, the first batch says so.
 * @param {readonly string[]} sequences
 * @param {number} batchSize the most rows
 * @returns {{bucket: number, rows: number, members: number[]}[]} members are indices into `sequences`, at most `rows`
 */
export function inBatches(sequences, batchSize) {
  /** @type {Map<number, number[]>} */
  const buckets = new Map()
  sequences.forEach((sequence, index) => {
    const bucket = bucketOf(sequence.length)
    const members = buckets.get(bucket) ?? []
    buckets.set(bucket, members)
    members.push(index)
  })
  const batches = []
  for (const [bucket, members] of [...buckets].sort(([a], [b]) => b - a)) {
    const rows = Math.max(1, Math.min(batchSize, Math.floor(BATCH_TOKENS / bucket)))
    for (let start = 0; start < members.length; start += rows) batches.push({ bucket, rows, members: members.slice(start, start + rows) })
  }
  return batches
}
