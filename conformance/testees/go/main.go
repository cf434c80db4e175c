// The command testee is a plmhead loader written from the specification alone, behind the protocol of the
// conformance runner: one JSON object a line on stdin, one answer a line on stdout.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strconv"
)

const maxLine = 60000

type answer map[string]any

type request struct {
	ID        json.RawMessage `json:"id"`
	Op        string          `json:"op"`
	Protocol  int             `json:"protocol"`
	NPZ       string          `json:"npz"`
	Config    string          `json:"config"`
	Model     string          `json:"model"`
	X         *inputFile      `json:"x"`
	Threshold *string         `json:"threshold"`
	AssayType *string         `json:"assay_type"`
}

type session struct {
	models map[string]*head
	loaded int
}

func main() {
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
	var r request
	if err := json.Unmarshal(line, &r); err != nil || r.Op == "" {
		return encode(r.ID, protocolFault("P_BAD_REQUEST")), false
	}
	if r.Op == "shutdown" {
		return nil, true
	}
	reply = encode(r.ID, s.answer(&r))
	if len(reply) > maxLine {
		reply = encode(r.ID, answer{"skip": true, "reason": "the answer would be longer than a line may be"})
	}
	return reply, false
}

func encode(id json.RawMessage, a answer) []byte {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
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

func (s *session) answer(r *request) answer {
	switch r.Op {
	case "hello":
		return answer{
			"ok": true, "protocol": 1, "format_versions": []string{"0", "1.0"}, "profiles": []string{"strict"},
			"testee": answer{"name": "plmhead-testee", "version": "0.1.0", "language": "go"},
		}
	case "load":
		return s.load(r)
	case "describe", "predict", "unload":
		h, ok := s.models[r.Model]
		if !ok {
			return protocolFault("P_BAD_REQUEST")
		}
		return s.withModel(r, h)
	}
	return protocolFault("P_UNKNOWN_OP")
}

func (s *session) load(r *request) answer {
	if r.NPZ == "" || r.Config == "" {
		return protocolFault("P_BAD_REQUEST")
	}
	h, err := loadFiles(r.NPZ, r.Config)
	if err != nil {
		return faultAnswer(err)
	}
	s.loaded++
	model := "m" + strconv.Itoa(s.loaded)
	s.models[model] = h
	return answer{"ok": true, "model": model}
}

func (s *session) withModel(r *request, h *head) answer {
	switch r.Op {
	case "describe":
		return describe(h)
	case "predict":
		return predict(h, r)
	}
	delete(s.models, r.Model)
	return answer{"ok": true}
}
