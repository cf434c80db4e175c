package main

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// label is a class: its type and its text, as the conformance protocol and G2 need them.
type label struct {
	Type  string `json:"t"`
	Value string `json:"v"`
}

// key is the label's name in a class_weight map (G2).
func (l label) key() string {
	if l.Type != "float" {
		return l.Value
	}
	// A3 has let only integral values pass.
	return strconv.FormatInt(int64(fromBits(l.Value)), 10)
}

// head is a loaded pair.
type head struct {
	cfg       *config
	rows      int
	n         int
	coef      []float64
	intercept []float64
	classes   []label
	iters     []string
}

func (h *head) verified() bool { return !h.cfg.version0 }

// newHead is section 10: three passes in canonical order.
func newHead(cfg *config, arrays map[string]*ndarray) (*head, error) {
	coef := arrays["coef.npy"]
	h := &head{cfg: cfg, rows: coef.shape[0], n: coef.shape[1]}
	if err := h.checkShapes(arrays); err != nil {
		return nil, err
	}
	h.coef = widen(coef)
	h.intercept = widen(arrays["intercept.npy"])
	if !allFinite(h.coef) {
		return nil, fail("ARRAY_NONFINITE", "coef.npy", "NaN or infinity")
	}
	if !allFinite(h.intercept) {
		return nil, fail("ARRAY_NONFINITE", "intercept.npy", "NaN or infinity")
	}
	classes := arrays["classes.npy"]
	if classes.dtype == "<f8" && !allFinite(widen(classes)) {
		return nil, fail("ARRAY_NONFINITE", "classes.npy", "NaN or infinity")
	}
	if err := h.readClasses(classes); err != nil {
		return nil, err
	}
	return h, h.readCounts(arrays)
}

// checkShapes is A1.
func (h *head) checkShapes(arrays map[string]*ndarray) error {
	classes, rowsOK := 2, h.rows == 1
	if h.cfg.softmax {
		classes, rowsOK = h.rows, h.rows >= 3
	}
	if !rowsOK {
		return fail("ARRAY_SHAPE", "coef.npy", "%d rows", h.rows)
	}
	lengths := map[string][]int{
		"intercept.npy": {h.rows}, "classes.npy": {classes}, "n_features_in.npy": {1}, "n_iter.npy": {1, h.rows},
	}
	for _, name := range canonical[1:] {
		// A scalar, which only version 0 may hold, counts as one element.
		if !slices.Contains(lengths[name], arrays[name].count()) {
			return fail("ARRAY_SHAPE", name, "shape %v, expected %v", arrays[name].shape, lengths[name])
		}
	}
	return nil
}

func widen(a *ndarray) []float64 {
	out := make([]float64, a.count())
	for i := range out {
		if a.dtype == "<f4" {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(a.data[4*i:])))
		} else {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(a.data[8*i:]))
		}
	}
	return out
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func allFinite(xs []float64) bool {
	for _, x := range xs {
		if !finite(x) {
			return false
		}
	}
	return true
}

// readClasses is the part of A3 on labels: every label first, then their difference.
func (h *head) readClasses(a *ndarray) error {
	size := a.itemSize()
	for i := range a.count() {
		l, ok := readLabel(a.dtype, a.data[i*size:(i+1)*size])
		if !ok {
			return fail("LABEL_VALUE", "classes.npy", "label %d", i)
		}
		h.classes = append(h.classes, l)
	}
	seen := map[label]bool{}
	for _, l := range h.classes {
		if seen[l] {
			return fail("LABEL_DUPLICATE", "classes.npy", "%s twice", l.Value)
		}
		seen[l] = true
	}
	return nil
}

func readLabel(dtype string, b []byte) (label, bool) {
	switch dtype[1] {
	case 'U':
		return stringLabel(b)
	case 'b':
		return label{"bool", strconv.FormatBool(b[0] == 1)}, b[0] <= 1
	case 'f':
		x := math.Float64frombits(binary.LittleEndian.Uint64(b))
		negativeZero := x == 0 && math.Signbit(x)
		return label{"float", toBits(x)}, x == math.Trunc(x) && math.Abs(x) <= 1<<53 && !negativeZero
	}
	n, negative := readInteger(dtype, b)
	if dtype[1] == 'u' && n > math.MaxInt64 {
		return label{}, false
	}
	return label{"int", integerText(n, negative)}, true
}

// stringLabel drops the padding and refuses what is no text.
func stringLabel(b []byte) (label, bool) {
	var points []rune
	for i := 0; i < len(b); i += 4 {
		point := binary.LittleEndian.Uint32(b[i:])
		if point > utf8.MaxRune {
			return label{}, false
		}
		points = append(points, rune(point))
	}
	for len(points) > 0 && points[len(points)-1] == 0 {
		points = points[:len(points)-1]
	}
	for _, r := range points {
		if r == 0 || !utf8.ValidRune(r) {
			return label{}, false
		}
	}
	return label{"str", string(points)}, true
}

// readInteger returns the 64 bits of an integer of any width, sign-extended, and whether it is negative.
func readInteger(dtype string, b []byte) (bits uint64, negative bool) {
	for i := len(b) - 1; i >= 0; i-- {
		bits = bits<<8 | uint64(b[i])
	}
	if dtype[1] == 'u' {
		return bits, false
	}
	shift := 64 - 8*len(b)
	signed := int64(bits<<shift) >> shift
	return uint64(signed), signed < 0
}

func integerText(bits uint64, negative bool) string {
	if negative {
		return strconv.FormatInt(int64(bits), 10)
	}
	return strconv.FormatUint(bits, 10)
}

// readCounts is the part of A3 on n_features_in and n_iter.
func (h *head) readCounts(arrays map[string]*ndarray) error {
	features := arrays["n_features_in.npy"]
	n, negative := readInteger(features.dtype, features.data)
	if negative || n != uint64(h.n) {
		return fail("ARRAY_VALUE", "n_features_in.npy", "%s, expected %d", integerText(n, negative), h.n)
	}
	iters := arrays["n_iter.npy"]
	size := iters.itemSize()
	for i := range iters.count() {
		n, negative := readInteger(iters.dtype, iters.data[i*size:(i+1)*size])
		if negative {
			return fail("ARRAY_VALUE", "n_iter.npy", "%s, expected 0 or more", integerText(n, negative))
		}
		h.iters = append(h.iters, integerText(n, false))
	}
	return nil
}
