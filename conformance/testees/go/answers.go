package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"strconv"
)

// inputFile is X of a predict request: raw rows without a header.
type inputFile struct {
	Path  string `json:"path"`
	Dtype string `json:"dtype"`
	Rows  int    `json:"rows"`
	Cols  int    `json:"cols"`
}

var errInputFile = errors.New("the file does not hold what the request says")

func describe(h *head) answer {
	a := answer{
		"ok": true, "format_version": h.cfg.version, "verified": h.verified(), "link": "logistic",
		"n_features_in": h.n, "classes": h.classes, "n_iter": h.iters,
		"coef":      answer{"shape": []int{h.rows, h.n}, "sha256": digestOf(h.coef)},
		"intercept": answer{"shape": []int{h.rows}, "sha256": digestOf(h.intercept)},
	}
	if h.cfg.softmax {
		a["link"], a["threshold"], a["assay_thresholds"] = "softmax", nil, nil
		return a
	}
	assays := [][2]string{}
	for _, t := range h.cfg.assays {
		assays = append(assays, [2]string{t.name, toBits(t.value)})
	}
	a["threshold"], a["assay_thresholds"] = toBits(h.cfg.threshold), assays
	return a
}

// digestOf is the SHA-256 over the values as little-endian binary64.
func digestOf(xs []float64) string {
	sum := sha256.New()
	out := bufio.NewWriter(sum)
	var b [8]byte
	for _, x := range xs {
		binary.LittleEndian.PutUint64(b[:], math.Float64bits(x))
		out.Write(b[:])
	}
	out.Flush()
	return hex.EncodeToString(sum.Sum(nil))
}

func predict(h *head, r *request) answer {
	if r.X == nil {
		return protocolFault("P_BAD_REQUEST")
	}
	x, err := r.X.read()
	if err != nil {
		return faultAnswer(err)
	}
	var threshold *float64
	if r.Threshold != nil {
		n, err := strconv.ParseUint(*r.Threshold, 16, 64)
		if err != nil || len(*r.Threshold) != 16 {
			return protocolFault("P_BAD_REQUEST")
		}
		t := math.Float64frombits(n)
		threshold = &t
	}
	out, err := h.predict(x, r.X.Rows, r.X.Cols, threshold, r.AssayType)
	if err != nil {
		return faultAnswer(err)
	}
	return answer{
		"ok": true, "decision": allBits(out.decision), "probability": allBits(out.probability), "labels": out.labels,
	}
}

func allBits(xs []float64) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = toBits(x)
	}
	return out
}

// read widens the file's rows to binary64.
func (f *inputFile) read() ([]float64, error) {
	dtypes := map[string]string{"f4": "<f4", "f8": "<f8"}
	a := &ndarray{dtype: dtypes[f.Dtype], shape: []int{f.Rows, f.Cols}}
	if a.dtype == "" {
		return nil, fail("INPUT_DTYPE", "X", "%q, expected f4 or f8", f.Dtype)
	}
	data, err := os.ReadFile(f.Path)
	if err != nil {
		return nil, errInputFile
	}
	if f.Rows < 0 || f.Cols < 0 || len(data) != a.count()*a.itemSize() {
		return nil, errInputFile
	}
	a.data = data
	return widen(a), nil
}
