package main

import "math"

// The constants of exp, as the specification gives them: bits.
var (
	expOverflow  = math.Float64frombits(0x40862e42fefa39ef)
	expUnderflow = math.Float64frombits(0xc0874910d52d3051)
	ln2High      = math.Float64frombits(0x3fe62e42fee00000)
	ln2Low       = math.Float64frombits(0x3dea39ef35793c76)
	inverseLn2   = math.Float64frombits(0x3ff71547652b82fe)
	expP1        = math.Float64frombits(0x3fc555555555553e)
	expP2        = math.Float64frombits(0xbf66c16c16bebd93)
	expP3        = math.Float64frombits(0x3f11566aaf25de2c)
	expP4        = math.Float64frombits(0xbebbbd41c5d26bf1)
	expP5        = math.Float64frombits(0x3e66376972bea4d0)
)

// exp is section 13's. Go may fuse x*y + z where a conversion does not stand between, so every product is
// converted: math.Exp would return other bits.
func exp(x float64) float64 {
	if x > expOverflow {
		return math.Inf(1)
	}
	if x < expUnderflow {
		return 0
	}
	h := uint32(math.Float64bits(x)>>32) & 0x7fffffff
	if h < 0x3e300000 {
		return 1 + x
	}
	k, hi, lo := reduce(x, h)
	r := hi - lo
	t := float64(r * r)
	p := expP4 + float64(t*expP5)
	p = expP3 + float64(t*p)
	p = expP2 + float64(t*p)
	p = expP1 + float64(t*p)
	c := r - float64(t*p)
	if k == 0 {
		return 1 - (float64(r*c)/(c-2) - r)
	}
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	return scale(y, k)
}

// reduce gives k, hi and lo of steps 3 and 4.
func reduce(x float64, h uint32) (k int, hi, lo float64) {
	if h <= 0x3fd62e42 {
		return 0, x, 0
	}
	half, one := 0.5, 1
	if x < 0 {
		half, one = -0.5, -1
	}
	k = one
	if h >= 0x3ff0a2b2 {
		k = int(float64(inverseLn2*x) + half)
	}
	return k, x - float64(float64(k)*ln2High), float64(float64(k) * ln2Low)
}

// scale is step 8: y times 2^k without a power that binary64 cannot hold.
func scale(y float64, k int) float64 {
	switch {
	case k == 1024:
		return float64(float64(y*2) * 0x1p1023)
	case k >= -1021:
		return float64(y * powerOfTwo(k))
	}
	return float64(float64(y*powerOfTwo(k+1000)) * 0x1p-1000)
}

// powerOfTwo holds for the normal range, -1022 to 1023.
func powerOfTwo(k int) float64 {
	return math.Float64frombits(uint64(k+1023) << 52)
}
