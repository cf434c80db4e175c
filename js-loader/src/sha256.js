// SHA-256 (FIPS 180-4), synchronous, so that load() is: Web Crypto only offers a promise.

const PRIMES = Array.from({ length: 312 }, (_, n) => n).filter((n) => {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return false
  return n > 1
})

// Signed, here and below: engines add 32-bit integers much faster than numbers that may pass 2^31.
const ROUND_CONSTANTS = Int32Array.from(PRIMES, (prime) => rootFraction(prime, 3n))
const INITIAL_STATE = Int32Array.from(PRIMES.slice(0, 8), (prime) => rootFraction(prime, 2n))

/**
 * The first 32 bits of the fraction of a root. The standard defines its constants so, and this is shorter than they are.
 * @param {number} prime
 * @param {bigint} degree
 */
function rootFraction(prime, degree) {
  const radicand = BigInt(prime) << (32n * degree)
  let root = 0n
  for (let bit = 1n << 37n; bit > 0n; bit >>= 1n) if ((root + bit) ** degree <= radicand) root += bit
  return Number(root & 0xffffffffn)
}

/**
 * The digest as 64 lower-case hexadecimal digits.
 * @param {Uint8Array} bytes
 */
export function sha256(bytes) {
  const state = new Int32Array(INITIAL_STATE)
  const schedule = new Int32Array(64)
  const wholeBlocks = bytes.length - (bytes.length % 64)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 0; start < wholeBlocks; start += 64) addBlock(state, schedule, view, start)
  const padded = padding(bytes.subarray(wholeBlocks), bytes.length)
  for (let start = 0; start < padded.byteLength; start += 64) addBlock(state, schedule, padded, start)
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

/**
 * The last one or two blocks: the rest of the message, a one bit, zeros, and the length in bits.
 * @param {Uint8Array} rest
 * @param {number} length of the whole message
 */
function padding(rest, length) {
  const blocks = new Uint8Array(rest.length < 56 ? 64 : 128)
  blocks.set(rest)
  blocks[rest.length] = 0x80
  const view = new DataView(blocks.buffer)
  view.setUint32(blocks.length - 8, Math.floor(length / 0x20000000))
  view.setUint32(blocks.length - 4, length << 3)
  return view
}

/**
 * @param {Int32Array} state
 * @param {Int32Array} schedule
 * @param {DataView} view
 * @param {number} start
 */
function addBlock(state, schedule, view, start) {
  for (let i = 0; i < 16; i++) schedule[i] = view.getInt32(start + 4 * i)
  for (let i = 16; i < 64; i++) {
    const early = schedule[i - 15]
    const late = schedule[i - 2]
    const small = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
    const large = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
    schedule[i] = (schedule[i - 16] + small + schedule[i - 7] + large) | 0
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7]
  for (let i = 0; i < 64; i++) {
    const sumOfE = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const choice = (e & f) ^ (~e & g)
    const first = (h + sumOfE + choice + ROUND_CONSTANTS[i] + schedule[i]) | 0
    const sumOfA = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const majority = (a & b) ^ (a & c) ^ (b & c)
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + sumOfA + majority) | 0
  }
  state[0] += a
  state[1] += b
  state[2] += c
  state[3] += d
  state[4] += e
  state[5] += f
  state[6] += g
  state[7] += h
}

/**
 * @param {number} word
 * @param {number} bits
 */
function rotate(word, bits) {
  return (word >>> bits) | (word << (32 - bits))
}
