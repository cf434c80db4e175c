package main

import (
	"fmt"
	"strings"
)

// Fault is an error of the format: a code and a where that are normative, and a message that is not.
type Fault struct {
	Code    string
	Where   string
	Message string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("%s at %q: %s", f.Code, f.Where, f.Message)
}

func fail(code, where, format string, args ...any) error {
	return &Fault{Code: code, Where: where, Message: fmt.Sprintf(format, args...)}
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// child is the JSON pointer (RFC 6901) of a member or an element under at.
func child(at, name string) string {
	return at + "/" + pointerEscaper.Replace(name)
}
