// The command testee is a plmhead loader written from the specification alone, behind the protocol of the
// conformance runner: one JSON object a line on stdin, one answer a line on stdout.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"runtime/debug"
	"strconv"
)

const maxLine = 60000

// memoryLimit makes the collector run more often near it, so that large files stay well below what the runner allows.
const memoryLimit = 512 << 20

type answer map[string]any

type session struct {
	models map[string]*head
	loaded int
}

func main() {
	debug.SetMemoryLimit(memoryLimit)
	s := &session{models: map[string]*head{}}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		// At the end of the input there may be nothing left; an empty line before it is a bad request.
		if len(line) > 0 {
			reply, done := s.handle(line)
			if done {
				return
			}
			os.Stdout.Write(reply)
		}
		if err != nil {
			return
		}
	}
}

// handle answers one line; done means shutdown, which has no answer.
func (s *session) handle(line []byte) (reply []byte, done bool) {
	// An id that cannot be read is null in the answer.
	var id any
	r, err := readRequest(line)
	if err != nil {
		return encode(id, protocolFault("P_BAD_REQUEST")), false
	}
	number, err := r.count("id")
	if err != nil {
		return encode(id, protocolFault("P_BAD_REQUEST")), false
	}
	id = number
	op, err := r.text("op")
	if err != nil {
		return encode(id, faultAnswer(err)), false
	}
	if op == "shutdown" {
		return nil, true
	}
	reply = encode(id, s.answer(op, r))
	// The line feed does not count.
	if len(reply)-1 > maxLine {
		reply = encode(id, answer{"skip": true, "reason": "the answer would be longer than a line may be"})
	}
	return reply, false
}

func encode(id any, a answer) []byte {
	a["id"] = id
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	// An answer holds nothing but strings, numbers, lists and maps, which always encode.
	_ = encoder.Encode(a)
	return out.Bytes()
}

func protocolFault(code string) answer {
	return answer{"ok": false, "error": answer{"code": code}}
}

func faultAnswer(err error) answer {
	var f *Fault
	if !errors.As(err, &f) {
		return protocolFault("P_BAD_REQUEST")
	}
	return answer{"ok": false, "error": answer{"code": f.Code, "where": f.Where, "message": f.Message}}
}

func (s *session) answer(op string, r request) answer {
	switch op {
	case "hello":
		return hello(r)
	case "load":
		return s.load(r)
	case "describe", "predict", "unload":
		return s.withModel(op, r)
	}
	return protocolFault("P_UNKNOWN_OP")
}

func hello(r request) answer {
	if protocol, err := r.count("protocol"); err != nil || protocol != 1 {
		return protocolFault("P_BAD_REQUEST")
	}
	return answer{
		"ok": true, "protocol": 1, "format_versions": []string{"0", "1.0"}, "profiles": []string{"strict"},
		"testee": answer{"name": "plmhead-testee", "version": "0.1.0", "language": "go"},
	}
}

func (s *session) load(r request) answer {
	npz, npzErr := r.text("npz")
	config, configErr := r.text("config")
	if err := errors.Join(npzErr, configErr); err != nil {
		return faultAnswer(err)
	}
	h, err := loadFiles(npz, config)
	if err != nil {
		return faultAnswer(err)
	}
	s.loaded++
	model := "m" + strconv.Itoa(s.loaded)
	s.models[model] = h
	return answer{"ok": true, "model": model}
}

func (s *session) withModel(op string, r request) answer {
	model, err := r.text("model")
	h, known := s.models[model]
	if err != nil || !known {
		return protocolFault("P_BAD_REQUEST")
	}
	switch op {
	case "describe":
		return describe(h)
	case "predict":
		return predict(h, r)
	}
	delete(s.models, model)
	return answer{"ok": true}
}
