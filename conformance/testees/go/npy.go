package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const preambleSize = 128

// ndarray is a member whose header has been checked; data is what follows the preamble.
type ndarray struct {
	dtype string
	shape []int
	data  []byte
}

func (a *ndarray) count() int {
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	return n
}

// itemSize is the number after the kind's letter: bytes, or for U code points of four bytes.
func (a *ndarray) itemSize() int {
	// N4 has let only listed dtypes pass, so the digits are there.
	n, _ := strconv.Atoi(a.dtype[2:])
	if a.dtype[1] == 'U' {
		return 4 * n
	}
	return n
}

// profile is what a member may be in a version of the format (N4, N5).
type profile struct {
	dtypes     []string
	unicode    bool
	dimensions []int
}

var (
	floats   = []string{"<f8", "<f4"}
	integers = []string{"<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1"}
)

var profiles1 = map[string]profile{
	"coef.npy":          {floats, false, []int{2}},
	"intercept.npy":     {floats, false, []int{1}},
	"classes.npy":       {[]string{"<i8", "<f8", "|b1"}, true, []int{1}},
	"n_features_in.npy": {[]string{"<i8"}, false, []int{1}},
	"n_iter.npy":        {[]string{"<i4", "<i8"}, false, []int{1}},
}

var profiles0 = map[string]profile{
	"coef.npy":          {floats, false, []int{2}},
	"intercept.npy":     {floats, false, []int{0, 1}},
	"classes.npy":       {slices.Concat(integers, []string{"<f8", "|b1"}), true, []int{1}},
	"n_features_in.npy": {integers, false, []int{1}},
	"n_iter.npy":        {integers, false, []int{1}},
}

// readArrays is section 9 for the five members.
func readArrays(members map[string][]byte, version0 bool) (map[string]*ndarray, error) {
	profiles := profiles1
	if version0 {
		profiles = profiles0
	}
	arrays := map[string]*ndarray{}
	for _, name := range canonical {
		a, err := readArray(members[name], name, profiles[name])
		if err != nil {
			return nil, err
		}
		arrays[name] = a
	}
	return arrays, nil
}

var headerForm = regexp.MustCompile(`\A\{'descr': '([<>|=A-Za-z0-9]{1,8})', 'fortran_order': (False|True), ` +
	`'shape': \((?:|([1-9][0-9]{0,8}),|([1-9][0-9]{0,8}), ([1-9][0-9]{0,8}))\), \} *\z`)

// readArray is N1 to N7.
func readArray(src []byte, name string, p profile) (*ndarray, error) {
	if len(src) < preambleSize || string(src[:10]) != "\x93NUMPY\x01\x00\x76\x00" || src[preambleSize-1] != '\n' {
		return nil, fail("NPY_PREAMBLE", name, "no NPY 1.0 preamble of 128 bytes")
	}
	parts := headerForm.FindSubmatch(src[10 : preambleSize-1])
	if parts == nil {
		return nil, fail("NPY_HEADER", name, "%q", src[10:preambleSize-1])
	}
	a := &ndarray{dtype: string(parts[1]), data: src[preambleSize:]}
	for _, digits := range parts[3:] {
		if len(digits) > 0 {
			d, _ := strconv.Atoi(string(digits))
			a.shape = append(a.shape, d)
		}
	}
	switch {
	case string(parts[2]) != "False":
		return nil, fail("NPY_ORDER", name, "Fortran order")
	case !p.allows(a.dtype):
		return nil, fail("NPY_DTYPE", name, "dtype %s, expected one of %v", a.dtype, p.dtypes)
	case !slices.Contains(p.dimensions, len(a.shape)):
		return nil, fail("ARRAY_SHAPE", name, "shape %v, expected %v dimensions", a.shape, p.dimensions)
	case !withinLimit(a, name):
		return nil, fail("ARRAY_LIMIT", name, "shape %v", a.shape)
	case len(a.data) != a.count()*a.itemSize():
		return nil, fail("NPY_LENGTH", name, "%d bytes, expected %d", len(a.data), a.count()*a.itemSize())
	}
	return a, nil
}

func (p profile) allows(dtype string) bool {
	if slices.Contains(p.dtypes, dtype) {
		return true
	}
	digits, found := strings.CutPrefix(dtype, "<U")
	n, err := strconv.Atoi(digits)
	// The round trip refuses a leading zero or a sign.
	return p.unicode && found && err == nil && strconv.Itoa(n) == digits && n >= 1 && n <= 256
}

func withinLimit(a *ndarray, name string) bool {
	if name == "coef.npy" {
		rows, n := a.shape[0], a.shape[1]
		return rows <= 1024 && n <= 65536 && rows*n <= 16777216
	}
	return len(a.shape) == 0 || a.shape[0] <= 1024
}
