package main

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The limits of T5 and T6.
const (
	maxDepth       = 16
	maxValues      = 32768
	maxNumberBytes = 64
	maxInteger     = 9007199254740991
)

type kind int

const (
	kindNull kind = iota
	kindBool
	kindInteger
	kindReal
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"null", "boolean", "integer", "number", "string", "array", "object"}[k]
}

// value is a JSON value. Members keep the order of the file, which decides which fault is first (F3, F4).
type value struct {
	kind    kind
	truth   bool
	text    string
	number  float64
	items   []*value
	members []member
	index   map[string]*value
}

type member struct {
	name  string
	value *value
}

// get returns the member of an object, or nil.
func (v *value) get(name string) *value {
	return v.index[name]
}

func (v *value) isNumber() bool {
	return v.kind == kindInteger || v.kind == kindReal
}

type parser struct {
	src    []byte
	pos    int
	depth  int
	values int
}

// parseJSON reads the config's text by section 3: T1 over the whole file, then one pass.
func parseJSON(src []byte) (*value, error) {
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		return nil, fail("JSON_ENCODING", "config@0", "a byte order mark, expected none")
	}
	if !utf8.Valid(src) {
		return nil, fail("JSON_ENCODING", fmt.Sprintf("config@%d", firstInvalid(src)), "not UTF-8")
	}
	p := &parser{src: src}
	p.space()
	root, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(src) {
		return nil, p.syntax("the end of the text")
	}
	return root, nil
}

func firstInvalid(src []byte) int {
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(src)
}

func (p *parser) fault(code, format string, args ...any) error {
	return fail(code, fmt.Sprintf("config@%d", p.pos), format, args...)
}

func (p *parser) syntax(expected string) error {
	if p.pos >= len(p.src) {
		return p.fault("JSON_SYNTAX", "the text ends, expected %s", expected)
	}
	return p.fault("JSON_SYNTAX", "byte 0x%02x, expected %s", p.src[p.pos], expected)
}

// peek returns the next byte; 0, which JSON never allows outside a string, stands for the end.
func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func beginsValue(b byte) bool {
	return b == '-' || b >= '0' && b <= '9' || bytes.IndexByte([]byte(`"{[tfn`), b) >= 0
}

// value reads one value. The limits of T6 are judged at its first byte, before the value itself.
func (p *parser) value() (*value, error) {
	b := p.peek()
	if !beginsValue(b) {
		return nil, p.syntax("a value")
	}
	if p.values++; p.values > maxValues {
		return nil, p.fault("JSON_LIMIT", "more than %d values", maxValues)
	}
	switch b {
	case '{', '[':
		return p.container(b)
	case '"':
		text, err := p.text()
		return &value{kind: kindString, text: text}, err
	case 't':
		return p.literal("true", &value{kind: kindBool, truth: true})
	case 'f':
		return p.literal("false", &value{kind: kindBool})
	case 'n':
		return p.literal("null", &value{kind: kindNull})
	}
	return p.numberToken()
}

func (p *parser) literal(word string, v *value) (*value, error) {
	for i := range len(word) {
		if p.peek() != word[i] {
			return nil, p.syntax(word)
		}
		p.pos++
	}
	return v, nil
}

func (p *parser) container(open byte) (*value, error) {
	if p.depth >= maxDepth {
		return nil, p.fault("JSON_LIMIT", "nested deeper than %d", maxDepth)
	}
	p.depth++
	defer func() { p.depth-- }()
	p.pos++
	if open == '{' {
		v := &value{kind: kindObject, index: map[string]*value{}}
		return v, p.sequence('}', func() error { return p.member(v) })
	}
	v := &value{kind: kindArray}
	return v, p.sequence(']', func() error {
		item, err := p.value()
		v.items = append(v.items, item)
		return err
	})
}

// sequence reads what stands between the brackets of an object or array, and the closing one.
func (p *parser) sequence(closing byte, element func() error) error {
	p.space()
	if p.peek() == closing {
		p.pos++
		return nil
	}
	for {
		p.space()
		if err := element(); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.pos++
		case closing:
			p.pos++
			return nil
		default:
			return p.syntax("a comma or " + string(closing))
		}
	}
}

func (p *parser) member(object *value) error {
	if p.peek() != '"' {
		return p.syntax("a name")
	}
	name, err := p.text()
	if err != nil {
		return err
	}
	if _, seen := object.index[name]; seen {
		return p.fault("JSON_DUPLICATE_NAME", "the name %q a second time", name)
	}
	p.space()
	if p.peek() != ':' {
		return p.syntax("a colon")
	}
	p.pos++
	p.space()
	v, err := p.value()
	if err != nil {
		return err
	}
	object.index[name] = v
	object.members = append(object.members, member{name, v})
	return nil
}

// text reads a string token and returns it unescaped.
func (p *parser) text() (string, error) {
	p.pos++
	var out []byte
	for p.pos < len(p.src) {
		b := p.src[p.pos]
		switch {
		case b == '"':
			p.pos++
			return string(out), nil
		case b < 0x20:
			return "", p.syntax("no control character in a string")
		case b == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, b)
			p.pos++
		}
	}
	return "", p.syntax("the end of a string")
}

const shortEscapes = "\"\\/bfnrt"
const shortMeanings = "\"\\/\b\f\n\r\t"

func (p *parser) escape() (rune, error) {
	if unit, ok := p.unit(p.pos); ok {
		return p.surrogates(unit)
	}
	p.pos++
	if i := bytes.IndexByte([]byte(shortEscapes), p.peek()); i >= 0 {
		p.pos++
		return rune(shortMeanings[i]), nil
	}
	return 0, p.syntax("an escape")
}

// surrogates ends an escape \uXXXX. What follows a high surrogate is judged by six bytes alone (T3).
func (p *parser) surrogates(unit rune) (rune, error) {
	if unit < 0xd800 || unit > 0xdfff {
		p.pos += 6
		return unit, nil
	}
	low, ok := p.unit(p.pos + 6)
	if r := utf16.DecodeRune(unit, low); ok && r != utf8.RuneError {
		p.pos += 12
		return r, nil
	}
	return 0, p.fault("JSON_SURROGATE", "half of a surrogate pair, U+%04X", unit)
}

// unit reads the six bytes \uXXXX at pos.
func (p *parser) unit(pos int) (rune, bool) {
	if pos+6 > len(p.src) || p.src[pos] != '\\' || p.src[pos+1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, b := range p.src[pos+2 : pos+6] {
		digit := bytes.IndexByte([]byte("0123456789abcdef"), b|0x20)
		if digit < 0 || b < '0' {
			return 0, false
		}
		unit = unit<<4 | rune(digit)
	}
	return unit, true
}

var numberGrammar = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$`)

// numberToken reads the longest run of number bytes and judges the run as a whole (T5).
func (p *parser) numberToken() (*value, error) {
	end := p.pos
	for end < len(p.src) && bytes.IndexByte([]byte("0123456789+-.eE"), p.src[end]) >= 0 {
		end++
	}
	token := p.src[p.pos:end]
	if !numberGrammar.Match(token) {
		return nil, p.syntax("a number")
	}
	if len(token) > maxNumberBytes {
		return nil, p.fault("JSON_NUMBER", "%d bytes, expected at most %d", len(token), maxNumberBytes)
	}
	v := &value{kind: kindReal}
	if !bytes.ContainsAny(token, ".eE") {
		v.kind = kindInteger
	}
	// The error of ParseFloat is only a range here, and infinity shows it.
	v.number, _ = strconv.ParseFloat(string(token), 64)
	if math.IsInf(v.number, 0) {
		return nil, p.fault("JSON_NUMBER", "%s is not finite in binary64", token)
	}
	// 2^53, the nearest value outside, is exact: rounding cannot bring a larger integer inside.
	if v.kind == kindInteger && (math.Abs(v.number) > maxInteger || string(token) == "-0") {
		return nil, p.fault("JSON_NUMBER", "the integer %s", token)
	}
	p.pos = end
	return v, nil
}
