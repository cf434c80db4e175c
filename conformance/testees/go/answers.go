package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
)

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

func predict(h *head, r request) answer {
	threshold, thresholdErr := r.threshold()
	assay, assayErr := r.textOrNull("assay_type")
	x, xErr := r.rows()
	if err := errors.Join(thresholdErr, assayErr, xErr); err != nil {
		return faultAnswer(err)
	}
	out, err := h.predict(x.values, x.rows, x.cols, threshold, assay)
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

// matrix is X, widened to binary64.
type matrix struct {
	rows, cols int
	values     []float64
}

// rows reads X: raw rows without a header, in a regular file of exactly their size.
func (r request) rows() (*matrix, error) {
	v, err := r.member("x", kindObject)
	if err != nil {
		return nil, err
	}
	x := request{v}
	path, pathErr := x.text("path")
	dtype, dtypeErr := x.text("dtype")
	rows, rowsErr := x.count("rows")
	cols, colsErr := x.count("cols")
	if err := errors.Join(pathErr, dtypeErr, rowsErr, colsErr); err != nil {
		return nil, err
	}
	if dtype != "f4" && dtype != "f8" {
		return nil, errRequest
	}
	a := &ndarray{dtype: "<" + dtype, shape: []int{rows, cols}}
	// Asked before the file is read, and before a named pipe is opened.
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || !fits(int(info.Size()), rows, cols, a.itemSize()) {
		return nil, errRequest
	}
	if a.data, err = os.ReadFile(path); err != nil || !fits(len(a.data), rows, cols, a.itemSize()) {
		return nil, errRequest
	}
	return &matrix{rows, cols, widen(a)}, nil
}

// fits says whether size is rows * cols * item, without computing a product that may not fit.
func fits(size, rows, cols, item int) bool {
	if rows == 0 || cols == 0 {
		return size == 0
	}
	return size%item == 0 && (size/item)%cols == 0 && size/item/cols == rows
}
