package main

import (
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// check judges one present value whose pointer is at.
type check func(c *checker, v *value, at string) error

// checker holds what a check needs besides its value: the root, for rules that join two members, and
// whether unknown members are faults (V5).
type checker struct {
	root          *value
	rejectUnknown bool
}

type field struct {
	name     string
	optional bool
	check    check
}

func wrongType(v *value, at, expected string) error {
	return fail("FIELD_TYPE", at, "%s, expected %s", v.kind, expected)
}

func wrongValue(at, expected string) error {
	return fail("FIELD_VALUE", at, "out of range, expected %s", expected)
}

// object checks the members in the order of the table, then the unknown ones in the order of the file.
func object(table []field) check {
	return func(c *checker, v *value, at string) error {
		if v.kind != kindObject {
			return wrongType(v, at, "an object")
		}
		for _, f := range table {
			m := v.get(f.name)
			if m == nil && f.optional {
				continue
			}
			if m == nil {
				return fail("FIELD_MISSING", child(at, f.name), "no member %q", f.name)
			}
			if err := f.check(c, m, child(at, f.name)); err != nil {
				return err
			}
		}
		return c.unknown(v, at, table)
	}
}

func (c *checker) unknown(v *value, at string, table []field) error {
	if !c.rejectUnknown {
		return nil
	}
	for _, m := range v.members {
		if !slices.ContainsFunc(table, func(f field) bool { return f.name == m.name }) {
			return fail("FIELD_UNKNOWN", child(at, m.name), "the member %q is not part of the format", m.name)
		}
	}
	return nil
}

func mapOf(nameOK func(string) bool, entry check) check {
	return func(c *checker, v *value, at string) error {
		if v.kind != kindObject {
			return wrongType(v, at, "an object")
		}
		for _, m := range v.members {
			if !nameOK(m.name) {
				return wrongValue(child(at, m.name), "another name")
			}
			if err := entry(c, m.value, child(at, m.name)); err != nil {
				return err
			}
		}
		return nil
	}
}

func array(low, high int, item check) check {
	return func(c *checker, v *value, at string) error {
		if v.kind != kindArray {
			return wrongType(v, at, "an array")
		}
		if len(v.items) < low || len(v.items) > high {
			return fail("FIELD_VALUE", at, "%d elements, expected %d to %d", len(v.items), low, high)
		}
		for i, element := range v.items {
			if err := item(c, element, child(at, strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	}
}

func orNull(inner check) check {
	return func(c *checker, v *value, at string) error {
		if v.kind == kindNull {
			return nil
		}
		return inner(c, v, at)
	}
}

func text(ok func(string) bool, expected string) check {
	return func(_ *checker, v *value, at string) error {
		if v.kind != kindString {
			return wrongType(v, at, "a string")
		}
		if !ok(v.text) {
			return wrongValue(at, expected)
		}
		return nil
	}
}

// whole compiles a pattern that the whole string has to match.
func whole(pattern string) func(string) bool {
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString
}

func pattern(p string) check {
	return text(whole(p), p)
}

func oneOf(words ...string) check {
	return text(func(s string) bool { return slices.Contains(words, s) }, "one of the listed words")
}

// codePoints is text(a, b) of F5.
func codePoints(low, high int) func(string) bool {
	return func(s string) bool {
		n := utf8.RuneCountInString(s)
		for _, r := range s {
			if r < 0x20 || r == 0x7f {
				return false
			}
		}
		return n >= low && n <= high
	}
}

func number(ok func(float64) bool, expected string) check {
	return func(_ *checker, v *value, at string) error {
		if !v.isNumber() {
			return wrongType(v, at, "a number")
		}
		if !ok(v.number) {
			return wrongValue(at, expected)
		}
		return nil
	}
}

func integer(low, high float64) check {
	inRange := number(func(x float64) bool { return x >= low && x <= high }, "another integer")
	return func(c *checker, v *value, at string) error {
		if v.kind != kindInteger {
			return wrongType(v, at, "an integer")
		}
		return inRange(c, v, at)
	}
}

func boolean(_ *checker, v *value, at string) error {
	if v.kind != kindBool {
		return wrongType(v, at, "a boolean")
	}
	return nil
}

func anything(*checker, *value, string) error { return nil }
