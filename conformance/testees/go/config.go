package main

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
)

// sealLength is the length of `"config_sha256": "`, 64 digits, `"`, LF, `}`, LF.
const sealLength = 86

// readerVersion is the version that this loader implements.
var readerVersion = [2]int{1, 0}

type assayThreshold struct {
	name  string
	value float64
}

// config is what the rest of the loader needs of the metadata.
type config struct {
	root     *value
	version0 bool
	version  string
	softmax  bool
	// threshold and assays belong to the logistic link only.
	threshold float64
	assays    []assayThreshold
}

// readConfig runs sections 3 to 6.
func readConfig(src []byte) (*config, error) {
	root, err := parseJSON(src)
	if err != nil {
		return nil, err
	}
	if root.kind != kindObject {
		return nil, wrongType(root, "", "an object")
	}
	if root.get("format") == nil {
		return readVersion0(root)
	}
	version, err := checkVersion(root)
	if err != nil {
		return nil, err
	}
	if err := checkSeal(root, src); err != nil {
		return nil, err
	}
	c := &checker{root: root, rejectUnknown: version[1] <= readerVersion[1]}
	if err := object(rootTable)(c, root, ""); err != nil {
		return nil, err
	}
	return newConfig(root), nil
}

func newConfig(root *value) *config {
	cfg := &config{root: root, version: root.get("format_version").text}
	cfg.softmax = root.get("link").text == "softmax"
	if cfg.softmax {
		return cfg
	}
	decision := root.get("decision")
	cfg.threshold = decision.get("threshold").number
	for _, m := range decision.get("assay_thresholds").members {
		cfg.assays = append(cfg.assays, assayThreshold{m.name, m.value.number})
	}
	return cfg
}

func readVersion0(root *value) (*config, error) {
	if slices.ContainsFunc(root.members, isNewName) {
		return nil, fail("FORMAT_MISSING", "/format", "no format, but members of version 1")
	}
	if err := object(version0Table)(&checker{root: root}, root, ""); err != nil {
		return nil, err
	}
	// The thresholds are those of the training code that writes version 0.
	return &config{
		root: root, version0: true, version: "0", threshold: 0.5,
		assays: []assayThreshold{{"ELISA", 0.5}, {"PSR", 0.5495}},
	}, nil
}

// checkVersion is V3 and V4; it returns format_version.
func checkVersion(root *value) ([2]int, error) {
	format := root.get("format")
	if format.kind != kindString {
		return [2]int{}, wrongType(format, "/format", "a string")
	}
	if format.text != "plmhead" {
		return [2]int{}, fail("FORMAT_UNKNOWN", "/format", "%q, expected plmhead", format.text)
	}
	version, err := versionField(root, "format_version")
	if err != nil {
		return version, err
	}
	if version[0] != readerVersion[0] {
		return version, fail("VERSION_UNSUPPORTED", "/format_version", "major %d, expected 1", version[0])
	}
	least, err := versionField(root, "min_reader")
	if err != nil {
		return version, err
	}
	if slices.Compare(least[:], readerVersion[:]) > 0 {
		return version, fail("VERSION_UNSUPPORTED", "/min_reader", "%v, this reader is %v", least, readerVersion)
	}
	if least[0] != version[0] || slices.Compare(least[:], version[:]) > 0 {
		return version, wrongValue("/min_reader", "not above format_version, and its major")
	}
	return version, nil
}

var versionForm = regexp.MustCompile(`\A(0|[1-9][0-9]{0,3})\.(0|[1-9][0-9]{0,3})\z`)

func versionField(root *value, name string) (version [2]int, err error) {
	at := child("", name)
	v := root.get(name)
	if v == nil {
		return version, fail("FIELD_MISSING", at, "no member %q", name)
	}
	if v.kind != kindString {
		return version, wrongType(v, at, "a string")
	}
	parts := versionForm.FindStringSubmatch(v.text)
	if parts == nil {
		return version, wrongValue(at, "MAJOR.MINOR")
	}
	for i := range version {
		// The form holds at most four digits, so Atoi cannot fail.
		version[i], _ = strconv.Atoi(parts[i+1])
	}
	return version, nil
}

var sealForm = regexp.MustCompile(`\A"config_sha256": "([0-9a-f]{64})"\n}\n\z`)

// checkSeal is section 5.
func checkSeal(root *value, src []byte) error {
	const at = "/config_sha256"
	if root.get("config_sha256") == nil {
		return fail("FIELD_MISSING", at, "no member \"config_sha256\"")
	}
	body := src[:max(0, len(src)-sealLength)]
	parts := sealForm.FindSubmatch(src[len(body):])
	if parts == nil || root.members[len(root.members)-1].name != "config_sha256" {
		return fail("CONFIG_SEAL", at, "the file does not end with the seal")
	}
	sum := sha256.Sum256(body)
	if found := hex.EncodeToString(sum[:]); found != string(parts[1]) {
		return fail("CONFIG_DIGEST", at, "the text has %s, the seal says %s", found, parts[1])
	}
	return nil
}
