package main

import (
	"math"
	"slices"
	"strings"
)

const int32Max = 2147483647

var (
	anyName     = func(string) bool { return true }
	probability = number(func(x float64) bool { return x >= 0 && x <= 1 }, "0 to 1")
	positive    = number(func(x float64) bool { return x > 0 }, "above 0")
	notNegative = number(func(x float64) bool { return x >= 0 }, "0 or more")
	anyNumber   = number(func(float64) bool { return true }, "a number")
	digest      = pattern(`[0-9a-f]{64}`)
	bits        = pattern(`[0-9a-f]{16}`)
	metricName  = whole(`[a-z][a-z0-9_]{0,31}`)
	revision    = orNull(text(isRevision, "SEG or SEG/SEG/..., at most 192 characters"))
)

const segment = `[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*`

var (
	modelForm    = whole(segment + `(?:/` + segment + `)?`)
	revisionForm = whole(segment + `(?:/` + segment + `)*`)
)

// The forms admit ASCII only, so bytes are characters.
func isModel(s string) bool    { return len(s) <= 192 && modelForm(s) }
func isRevision(s string) bool { return len(s) <= 192 && revisionForm(s) }

func name(low, high int) check {
	inner := codePoints(low, high)
	return text(func(s string) bool { return inner(s) && !strings.ContainsAny(s, `/\`) }, "a name")
}

// The first three and the last are judged in sections 4 and 5; they stand here so that they are known.
var rootTable = []field{
	{"format", false, anything},
	{"format_version", false, anything},
	{"min_reader", false, anything},
	{"model_type", false, oneOf("LogisticRegression")},
	{"sklearn_version", false, orNull(pattern(`[0-9A-Za-z][0-9A-Za-z.+-]{0,63}`))},
	{"C", false, positive},
	{"penalty", false, orNull(oneOf("l1", "l2", "elasticnet"))},
	{"l1_ratio", false, checkL1Ratio},
	{"solver", false, pattern(`[a-z][a-z-]{0,63}`)},
	{"class_weight", false, checkClassWeight},
	{"max_iter", false, integer(0, int32Max)},
	{"random_state", false, orNull(integer(0, 4294967295))},
	{"esm_model", false, orNull(text(isModel, "SEG or SEG/SEG, at most 192 characters"))},
	{"esm_revision", false, revision},
	{"batch_size", false, orNull(integer(1, int32Max))},
	{"device", false, orNull(pattern(`[a-z]{1,16}(?::[0-9]{1,3})?`))},
	{"link", false, oneOf("logistic", "softmax")},
	{"decision", false, checkDecision},
	{"embedding", false, checkEmbedding},
	{"golden", false, checkGolden},
	{"self_test", false, array(8, 8, object(selfTestTable))},
	{"metrics", true, object(metricsTable)},
	{"training", true, object(trainingTable)},
	{"extensions", true, mapOf(whole(`[a-z][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+`), anything)},
	{"npz_sha256", false, digest},
	{"config_sha256", false, anything},
}

// newNames are the root's names that version 0 does not have (V2).
var newNames = []string{
	"format", "format_version", "min_reader", "l1_ratio", "link", "decision", "embedding", "golden",
	"self_test", "metrics", "training", "extensions", "npz_sha256", "config_sha256",
}

var decisionTable = []field{
	{"threshold", false, probability},
	{"assay_thresholds", false, mapOf(codePoints(1, 64), probability)},
}

var embeddingTable = []field{
	{"origin", false, oneOf("plmhead", "declared", "version-0")},
	{"family", false, oneOf("esm1b", "esm1v", "esm2")},
	{"checkpoint", false, checkCheckpoint},
	{"revision", false, revision},
	{"weights_sha256", false, orNull(digest)},
	{"dimension", false, integer(1, 65536)},
	{"layer", false, oneOf("last")},
	{"pooling", false, oneOf("mean")},
	{"accumulate", false, oneOf("float32")},
	{"l2_normalized", false, checkFalse},
	{"alphabet", false, oneOf("esm1b-33")},
	{"max_residues", false, integer(1022, 1022)},
	{"too_long", false, oneOf("error", "truncate")},
	{"dtype", false, oneOf("float32", "float16", "bfloat16")},
	{"accuracy", false, oneOf("exact", "fast")},
}

var goldenTable = []field{
	{"embedding", false, array(1, 16, anyNumber)},
	{"decision", false, array(1, 1024, anyNumber)},
	{"probability", false, array(2, 1024, probability)},
}

var selfTestTable = []field{
	{"decision", false, array(1, 1024, bits)},
	{"probability", false, array(2, 1024, bits)},
}

var metricsTable = []field{
	{"train", true, mapOf(metricName, orNull(anyNumber))},
	{"cross_validation", true, object(foldTable)},
}

var foldTable = []field{
	{"folds", false, integer(2, 1000000)},
	{"stratified", false, boolean},
	{"scores", false, mapOf(metricName, object(scoreTable))},
}

var scoreTable = []field{
	{"mean", false, orNull(anyNumber)},
	{"std", false, orNull(anyNumber)},
}

var trainingTable = []field{
	{"date", true, pattern(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z`)},
	{"dataset", true, name(1, 256)},
	{"dataset_sha256", true, digest},
	{"rows", true, integer(1, maxInteger)},
	{"rows_by_class", true, array(1, 1024, integer(0, maxInteger))},
	{"assay_type", true, name(1, 64)},
	{"fragment_type", true, name(1, 64)},
	{"folded", true, array(0, 2, oneOf("standard_scaler", "two_class_multinomial"))},
}

var version0Table = []field{
	{"model_type", false, oneOf("LogisticRegression")},
	{"sklearn_version", false, text(anyName, "")},
	{"C", false, positive},
	{"penalty", false, orNull(text(anyName, ""))},
	{"solver", false, text(anyName, "")},
	{"class_weight", false, checkClassWeight},
	{"max_iter", false, integer(math.Inf(-1), math.Inf(1))},
	{"random_state", false, orNull(integer(math.Inf(-1), math.Inf(1)))},
	{"esm_model", false, text(anyName, "")},
	{"esm_revision", false, orNull(text(anyName, ""))},
	{"batch_size", false, integer(math.Inf(-1), math.Inf(1))},
	{"device", true, text(anyName, "")},
}

func checkL1Ratio(c *checker, v *value, at string) error {
	if v.kind == kindNull && c.root.get("penalty").text == "elasticnet" {
		return wrongValue(at, "a number, since penalty is elasticnet")
	}
	return orNull(probability)(c, v, at)
}

func checkClassWeight(c *checker, v *value, at string) error {
	switch v.kind {
	case kindNull:
		return nil
	case kindString:
		return oneOf("balanced")(c, v, at)
	}
	return mapOf(anyName, notNegative)(c, v, at)
}

func checkDecision(c *checker, v *value, at string) error {
	if v.kind != kindNull && v.kind != kindObject {
		return wrongType(v, at, "an object or null")
	}
	softmax := c.root.get("link").text == "softmax"
	if softmax != (v.kind == kindNull) {
		return wrongValue(at, "null exactly when link is softmax")
	}
	return orNull(object(decisionTable))(c, v, at)
}

// checkEmbedding is F6, then the members.
func checkEmbedding(c *checker, v *value, at string) error {
	model := c.root.get("esm_model")
	switch v.kind {
	case kindNull:
		for _, other := range []string{"esm_model", "esm_revision", "batch_size", "device"} {
			if c.root.get(other).kind != kindNull {
				return wrongValue(child("", other), "null, since embedding is null")
			}
		}
		return nil
	case kindObject:
		if model.kind == kindNull {
			return wrongValue("/esm_model", "a string, since embedding is an object")
		}
	}
	return object(embeddingTable)(c, v, at)
}

func checkCheckpoint(c *checker, v *value, at string) error {
	model := c.root.get("esm_model").text
	return text(func(s string) bool { return s == model }, "the esm_model "+model)(c, v, at)
}

func checkFalse(c *checker, v *value, at string) error {
	if v.kind == kindBool && v.truth {
		return wrongValue(at, "false")
	}
	return boolean(c, v, at)
}

func checkGolden(c *checker, v *value, at string) error {
	if v.kind == kindArray && c.root.get("embedding").kind == kindNull {
		return wrongValue(at, "null, since embedding is null")
	}
	return orNull(array(6, 6, object(goldenTable)))(c, v, at)
}

func isNewName(m member) bool {
	return slices.Contains(newNames, m.name)
}
