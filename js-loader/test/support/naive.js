// Section 13 once more, as plainly as it can be said: arrays, no unrolling, exp by the high word as the specification has it.

const view = new DataView(new ArrayBuffer(8))

export function bits(value) {
  view.setFloat64(0, value)
  return view.getBigUint64(0).toString(16).padStart(16, '0')
}

export function number(text) {
  view.setBigUint64(0, BigInt(`0x${text}`))
  return view.getFloat64(0)
}

export function decision(x, w, b) {
  const s = [0, 0, 0, 0, 0, 0, 0, 0]
  x.forEach((value, i) => {
    s[i % 8] = s[i % 8] + value * w[i]
  })
  return s[0] + s[4] + (s[2] + s[6]) + (s[1] + s[5] + (s[3] + s[7])) + b
}

export function naiveExp(x) {
  view.setFloat64(0, x)
  const h = view.getUint32(0) & 0x7fffffff
  if (x > number('40862e42fefa39ef')) return Infinity
  if (x < number('c0874910d52d3051')) return 0
  if (h < 0x3e300000) return 1 + x
  const half = x < 0 ? -0.5 : 0.5
  let k = Math.trunc(number('3ff71547652b82fe') * x + half)
  if (h < 0x3ff0a2b2) k = x < 0 ? -1 : 1
  if (h <= 0x3fd62e42) k = 0
  const hi = x - k * number('3fe62e42fee00000')
  const lo = k * number('3dea39ef35793c76')
  const r = hi - lo
  const t = r * r
  let polynomial = number('3e66376972bea4d0')
  for (const constant of ['bebbbd41c5d26bf1', '3f11566aaf25de2c', 'bf66c16c16bebd93', '3fc555555555553e']) {
    polynomial = number(constant) + t * polynomial
  }
  const c = r - t * polynomial
  if (k === 0) return 1 - ((r * c) / (c - 2) - r)
  return scale(1 - (lo - (r * c) / (2 - c) - hi), k)
}

/** y * 2^k by repeated steps; all but the last are exact, as in step 8. */
function scale(y, k) {
  let result = y
  for (let i = 0; i < k; i++) result *= 2
  if (k >= -1021) {
    for (let i = 0; i > k; i--) result /= 2
    return result
  }
  for (let i = 0; i < k + 1000; i++) result *= 2
  for (let i = 0; i > k + 1000; i--) result /= 2
  return result * number('0170000000000000')
}

export function logistic(z) {
  const p1 = 1 / (1 + naiveExp(-z))
  return [1 - p1, p1]
}

export function softmax(z) {
  const e = z.map((value) => naiveExp(value - Math.max(...z)))
  const sum = e.slice(1).reduce((total, value) => total + value, e[0])
  return e.map((value) => value / sum)
}
