package main

import (
	"fmt"
	"math"
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

// testInput is x of record j (E2). Every step is exact.
func testInput(n, j int) []float64 {
	x := make([]float64, n)
	for i := range x {
		m := uint32(uint64(8*i+j) * 2654435761)
		x[i] = (float64(m) - 0x1p31) / 0x1p31 * powerOfTwo(j)
	}
	return x
}

// checkSelfTest is E2.
func (h *head) checkSelfTest() error {
	for j, record := range h.cfg.root.get("self_test").items {
		at := fmt.Sprintf("/self_test/%d", j)
		z := h.decisions(testInput(h.n, j))
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
