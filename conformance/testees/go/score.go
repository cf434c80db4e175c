package main

import (
	"fmt"
	"math"
	"strconv"
)

func toBits(x float64) string { return fmt.Sprintf("%016x", math.Float64bits(x)) }

// fromBits reads what toBits wrote.
func fromBits(s string) float64 {
	n, _ := strconv.ParseUint(s, 16, 64)
	return math.Float64frombits(n)
}

// scores are the results of a batch.
type scores struct {
	decision    []float64
	probability []float64
	labels      []label
}

// decide is P2 for one row of coefficients. The conversion keeps the product from being fused with the sum.
func decide(x, w []float64, b float64) float64 {
	var s [8]float64
	for i := range x {
		s[i&7] += float64(x[i] * w[i])
	}
	return (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) + b
}

// decisions gives the z of one input, one for each row of coef.
func (h *head) decisions(x []float64) []float64 {
	z := make([]float64, h.rows)
	for c := range z {
		z[c] = decide(x, h.coef[c*h.n:(c+1)*h.n], h.intercept[c])
	}
	return z
}

// probabilities is P4 and P5.
func (h *head) probabilities(z []float64) []float64 {
	if !h.cfg.softmax {
		p1 := 1 / (1 + exp(-z[0]))
		return []float64{1 - p1, p1}
	}
	largest := z[firstLargest(z)]
	p := make([]float64, len(z))
	sum := 0.0
	for c := range z {
		p[c] = exp(z[c] - largest)
		if c == 0 {
			sum = p[0]
		} else {
			sum += p[c]
		}
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

func firstLargest(z []float64) int {
	best := 0
	for c := range z {
		if z[c] > z[best] {
			best = c
		}
	}
	return best
}

// labelOf is P6 for one row, t being the threshold in force.
func (h *head) labelOf(z, p []float64, t float64) label {
	if h.cfg.softmax {
		return h.classes[firstLargest(z)]
	}
	positive := p[1] > t
	if t == 0.5 {
		positive = z[0] > 0
	}
	if positive {
		return h.classes[1]
	}
	return h.classes[0]
}

// thresholdInForce is P7; threshold and assay are nil where the caller gives none.
func (h *head) thresholdInForce(threshold *float64, assay *string) (float64, error) {
	t := h.cfg.threshold
	if threshold != nil {
		t = *threshold
		if h.cfg.softmax {
			return 0, fail("THRESHOLD", "threshold", "a softmax head takes no threshold")
		}
		if !(t >= 0 && t <= 1) {
			return 0, fail("THRESHOLD", "threshold", "%v, expected 0 to 1", t)
		}
	}
	if assay == nil {
		return t, nil
	}
	for _, a := range h.cfg.assays {
		if a.name == *assay {
			return a.value, nil
		}
	}
	return 0, fail("ASSAY_TYPE", "assay_type", "no threshold for %q", *assay)
}

// predict is section 13 for x, m rows of cols values.
func (h *head) predict(x []float64, m, cols int, threshold *float64, assay *string) (*scores, error) {
	if cols != h.n {
		return nil, fail("INPUT_SHAPE", "X", "%d columns, expected %d", cols, h.n)
	}
	for i, v := range x {
		if !finite(v) {
			return nil, fail("INPUT_NONFINITE", fmt.Sprintf("/%d/%d", i/cols, i%cols), "%v", v)
		}
	}
	out := &scores{decision: []float64{}, probability: []float64{}, labels: []label{}}
	for i := range m {
		z := h.decisions(x[i*cols : (i+1)*cols])
		if !allFinite(z) {
			return nil, fail("DECISION_NONFINITE", fmt.Sprintf("/%d", i), "%v", z)
		}
		out.decision = append(out.decision, z...)
	}
	t, err := h.thresholdInForce(threshold, assay)
	if err != nil {
		return nil, err
	}
	for i := range m {
		z := out.decision[i*h.rows : (i+1)*h.rows]
		p := h.probabilities(z)
		out.probability = append(out.probability, p...)
		out.labels = append(out.labels, h.labelOf(z, p, t))
	}
	return out, nil
}
