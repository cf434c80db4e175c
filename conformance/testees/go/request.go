package main

import (
	"errors"
	"regexp"
)

// request is one object of the protocol. It is read as strictly as a config, so that a member of another form is seen.
type request struct{ object *value }

var errRequest = errors.New("a request that is not as the protocol has it")

func readRequest(line []byte) (request, error) {
	v, err := parseJSON(line)
	if err != nil || v.kind != kindObject {
		return request{}, errRequest
	}
	return request{v}, nil
}

func (r request) member(name string, k kind) (*value, error) {
	v := r.object.get(name)
	if v == nil || v.kind != k {
		return nil, errRequest
	}
	return v, nil
}

func (r request) text(name string) (string, error) {
	v, err := r.member(name, kindString)
	if err != nil {
		return "", err
	}
	return v.text, nil
}

// textOrNull is nil for null.
func (r request) textOrNull(name string) (*string, error) {
	if _, err := r.member(name, kindNull); err == nil {
		return nil, nil
	}
	text, err := r.text(name)
	return &text, err
}

// count is an integer of 0 or more. The parser has let only integers pass that binary64 holds exactly.
func (r request) count(name string) (int, error) {
	v, err := r.member(name, kindInteger)
	if err != nil || v.number < 0 {
		return 0, errRequest
	}
	return int(v.number), nil
}

var thresholdForm = regexp.MustCompile(`\A[0-9a-f]{16}\z`)

// threshold is nil for null.
func (r request) threshold() (*float64, error) {
	digits, err := r.textOrNull("threshold")
	if err != nil || digits == nil {
		return nil, err
	}
	if !thresholdForm.MatchString(*digits) {
		return nil, errRequest
	}
	t := fromBits(*digits)
	return &t, nil
}
