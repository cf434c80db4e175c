// The sums of P2 for the JavaScript loader, in AssemblyScript: a subset of TypeScript that becomes WebAssembly. Every operation
// is one IEEE 754 binary64 operation in the order of the specification; WebAssembly never fuses or reorders them.
// `npm run build:kernel` compiles it into src/kernel.js.

/** The eight lanes of one sum lie here while the last features are added: 64 bytes. */
const LANES: usize = 0

/** Two values of type T, widened to binary64. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function two<T>(address: usize): v128 {
  return sizeof<T>() == 4 ? f64x2.promote_low_f32x4(v128.load64_zero(address)) : v128.load(address)
}

/** The eight lanes of x times w, added as a tree. */
// @ts-ignore
@inline
function dot<T>(x: usize, w: usize, features: usize): f64 {
  let s01 = f64x2.splat(0), s23 = f64x2.splat(0), s45 = f64x2.splat(0), s67 = f64x2.splat(0)
  for (const end = w + (features & ~7) * 8; w < end; x += 8 * sizeof<T>(), w += 64) {
    s01 = f64x2.add(s01, f64x2.mul(two<T>(x), v128.load(w)))
    s23 = f64x2.add(s23, f64x2.mul(two<T>(x + 2 * sizeof<T>()), v128.load(w, 16)))
    s45 = f64x2.add(s45, f64x2.mul(two<T>(x + 4 * sizeof<T>()), v128.load(w, 32)))
    s67 = f64x2.add(s67, f64x2.mul(two<T>(x + 6 * sizeof<T>()), v128.load(w, 48)))
  }
  if (features & 7) {
    v128.store(LANES, s01)
    v128.store(LANES, s23, 16)
    v128.store(LANES, s45, 32)
    v128.store(LANES, s67, 48)
    const end = LANES + (features & 7) * 8
    for (let lane = LANES; lane < end; lane += 8, x += sizeof<T>(), w += 8) {
      store<f64>(lane, load<f64>(lane) + <f64>load<T>(x) * load<f64>(w))
    }
    s01 = v128.load(LANES)
    s23 = v128.load(LANES, 16)
    s45 = v128.load(LANES, 32)
    s67 = v128.load(LANES, 48)
  }
  // Both lanes at once: (s0 + s4) + (s2 + s6) and (s1 + s5) + (s3 + s7).
  const sums = f64x2.add(f64x2.add(s01, s45), f64x2.add(s23, s67))
  return f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1)
}

// @ts-ignore
@inline
function decisions<T>(x: usize, inputs: usize, coef: usize, rows: usize, features: usize, z: usize): void {
  for (const end = z + inputs * rows * 8; z < end; x += features * sizeof<T>()) {
    const behind = z + rows * 8
    for (let w = coef; z < behind; z += 8, w += features * 8) store<f64>(z, dot<T>(x, w, features))
  }
}

/**
 * The decisions but for the intercepts, of binary32 inputs. All but the counts are addresses.
 * x: inputs * features values; coef: rows * features binary64; z: inputs * rows binary64, written.
 */
export function decisions32(x: usize, inputs: usize, coef: usize, rows: usize, features: usize, z: usize): void {
  decisions<f32>(x, inputs, coef, rows, features, z)
}

/** As decisions32, of binary64 inputs. */
export function decisions64(x: usize, inputs: usize, coef: usize, rows: usize, features: usize, z: usize): void {
  decisions<f64>(x, inputs, coef, rows, features, z)
}
