// For any bytes as one array of an otherwise good pair, the loader returns a head or throws its own error, and nothing else.
import { BASES, check, reseal, withMember } from './shared.js'

export function fuzz(data) {
  if (data.length === 0) return
  const base = BASES[data[0] & 8 ? 1 : 2]
  const pair = { npz: withMember(base.npz, data[0] & 7, Buffer.from(data.subarray(1))), config: Buffer.from(base.config) }
  reseal(pair.npz, pair.config)
  check(pair)
}
