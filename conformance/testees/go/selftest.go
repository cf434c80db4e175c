package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Variables, so that the compiler cannot compute E1 in exact arithmetic before the program runs.
var (
	one       = 1.0
	half      = 0.5
	ulp       = 0x1p-52
	halfUlp   = 0x1p-53
	minNormal = 0x1p-1022
)

// checkEnvironment is E1.
func checkEnvironment() error {
	smallest := math.Float64frombits(1)
	sound := float64(minNormal*half) != 0 &&
		float64(smallest*one) != 0 &&
		one+halfUlp == one &&
		one+float64(3*0x1p-54*one) == one+ulp &&
		-one-halfUlp == -one &&
		(one+ulp)+halfUlp == one+0x1p-51
	if !sound {
		return fail("ENVIRONMENT", "npz", "arithmetic is not binary64, rounding to nearest, with subnormals")
	}
	return nil
}

// bound names what a config binds its self-test to (E2).
var bound = []string{"format_version", "min_reader", "link", "decision", "embedding", "golden", "npz_sha256"}

// binding appends the lines of a value (E2).
func binding(v *value, out []byte) []byte {
	switch v.kind {
	case kindArray:
		for _, item := range v.items {
			out = binding(item, out)
		}
		return out
	case kindObject:
		for _, m := range v.members {
			out = binding(m.value, append(append(out, m.name...), '\n'))
		}
		return out
	case kindNull:
		out = append(out, "null"...)
	case kindBool:
		out = strconv.AppendBool(out, v.truth)
	case kindString:
		out = append(out, v.text...)
	default:
		out = append(out, toBits(v.number)...)
	}
	return append(out, '\n')
}

// seeds are s_0 to s_7 of a config (E2).
func seeds(root *value) (s [8]uint32) {
	var text []byte
	for _, name := range bound {
		text = binding(root.get(name), text)
	}
	digest := sha256.Sum256(text)
	for j := range s {
		s[j] = binary.BigEndian.Uint32(digest[4*j:])
	}
	return s
}

// testInput is x of record j (E3). Every step is exact.
func testInput(n, j int, seed uint32) []float64 {
	x := make([]float64, n)
	for i := range x {
		m := (uint32(8*i+j) + seed) * 2654435761
		x[i] = (float64(m) - 0x1p31) / 0x1p31 * powerOfTwo(j)
	}
	return x
}

// checkSelfTest is E3.
func (h *head) checkSelfTest() error {
	s := seeds(h.cfg.root)
	for j, record := range h.cfg.root.get("self_test").items {
		at := fmt.Sprintf("/self_test/%d", j)
		z := h.decisions(testInput(h.n, j, s[j]))
		if !allFinite(z) {
			return fail("SELF_TEST", at+"/decision", "%v is not finite", z)
		}
		if err := sameBits(z, record.get("decision"), at+"/decision"); err != nil {
			return err
		}
		if err := sameBits(h.probabilities(z), record.get("probability"), at+"/probability"); err != nil {
			return err
		}
	}
	return nil
}

func sameBits(found []float64, expected *value, at string) error {
	for i, x := range found {
		if want := expected.items[i].text; toBits(x) != want {
			return fail("SELF_TEST", at, "value %d is %s, the config says %s", i, toBits(x), want)
		}
	}
	return nil
}
