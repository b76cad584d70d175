package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonScanner reads JSON's tokens (RFC 8259).
type jsonScanner struct {
	data []byte
	pos  int
}

func (d *jsonScanner) space() {
	for d.pos < len(d.data) {
		switch d.data[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

// peek is the next byte, or 0 at the end.
func (d *jsonScanner) peek() byte {
	if d.pos < len(d.data) {
		return d.data[d.pos]
	}
	return 0
}

func (d *jsonScanner) syntax(text string) error {
	return &problem{kind: malformed, text: "malformed JSON at byte " + strconv.Itoa(d.pos) + ": " + text}
}

func (d *jsonScanner) punctuation(c byte) error {
	if d.peek() != c {
		return d.syntax("expected " + strconv.QuoteRune(rune(c)))
	}
	d.pos++
	return nil
}

// literal passes over a word if it is next.
func (d *jsonScanner) literal(word string) bool {
	if len(d.data)-d.pos >= len(word) && string(d.data[d.pos:d.pos+len(word)]) == word {
		d.pos += len(word)
		return true
	}
	return false
}

func (d *jsonScanner) null() bool { return d.literal("null") }

// expected says what should have stood where something else does.
func (d *jsonScanner) expected(what string) error {
	var found string
	switch c := d.peek(); {
	case c == '{':
		found = "an object"
	case c == '[':
		found = "a list"
	case c == '"':
		found = "a string"
	case c == 't' || c == 'f':
		found = "true or false"
	case c == '-' || c >= '0' && c <= '9':
		found = "a number"
	case c == 'n':
		found = "null"
	case d.pos >= len(d.data):
		return d.syntax("unexpected end")
	default:
		return d.syntax("unexpected character")
	}
	return &problem{kind: mistyped, text: "expected " + what + ", got " + found}
}

// numeral reads a number's text.
func (d *jsonScanner) numeral() (string, error) {
	start := d.pos
	if d.peek() == '-' {
		d.pos++
	}
	whole := d.digits()
	if whole == 0 || whole > 1 && d.data[d.pos-whole] == '0' {
		return "", d.syntax("bad number")
	}
	if d.peek() == '.' {
		d.pos++
		if d.digits() == 0 {
			return "", d.syntax("bad number")
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		d.pos++
		if c := d.peek(); c == '+' || c == '-' {
			d.pos++
		}
		if d.digits() == 0 {
			return "", d.syntax("bad number")
		}
	}
	return string(d.data[start:d.pos]), nil
}

func (d *jsonScanner) digits() int {
	start := d.pos
	for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
		d.pos++
	}
	return d.pos - start
}

// string reads a string's value.
func (d *jsonScanner) string() (string, error) {
	if d.peek() != '"' {
		return "", d.syntax("expected a string")
	}
	d.pos++
	start := d.pos
	for d.pos < len(d.data) {
		switch c := d.data[d.pos]; {
		case c == '"':
			raw := d.data[start:d.pos]
			d.pos++
			if !utf8.Valid(raw) {
				return "", d.syntax("invalid UTF-8")
			}
			return string(raw), nil
		case c == '\\':
			return d.escaped(start)
		case c < 0x20:
			return "", d.syntax("control character in a string")
		default:
			d.pos++
		}
	}
	return "", d.syntax("unexpected end")
}

// escaped reads the rest of a string that has escapes; what stands before them began at start.
func (d *jsonScanner) escaped(start int) (string, error) {
	out := append([]byte(nil), d.data[start:d.pos]...)
	for d.pos < len(d.data) {
		c := d.data[d.pos]
		d.pos++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return "", d.syntax("invalid UTF-8")
			}
			return string(out), nil
		case c < 0x20:
			return "", d.syntax("control character in a string")
		case c != '\\':
			out = append(out, c)
		case d.peek() == 'u':
			r, err := d.unicode()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		default:
			e := escapes[d.peek()]
			if e == 0 {
				return "", d.syntax("bad escape")
			}
			out = append(out, e)
			d.pos++
		}
	}
	return "", d.syntax("unexpected end")
}

var escapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// unicode reads uXXXX, and the second half of a surrogate pair with it.
func (d *jsonScanner) unicode() (rune, error) {
	first, err := d.hex4()
	if err != nil {
		return 0, err
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if d.peek() == '\\' {
		d.pos++
		second, err := d.hex4()
		if err != nil {
			return 0, err
		}
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, d.syntax("half a surrogate pair")
}

func (d *jsonScanner) hex4() (rune, error) {
	if len(d.data)-d.pos < 5 || d.data[d.pos] != 'u' {
		return 0, d.syntax("bad escape")
	}
	n, err := strconv.ParseUint(string(d.data[d.pos+1:d.pos+5]), 16, 32)
	if err != nil {
		return 0, d.syntax("bad escape")
	}
	d.pos += 5
	return rune(n), nil
}

// skip passes over one value of any kind.
func (d *jsonScanner) skip(depth int) error {
	if depth > MaxDepth {
		return &problem{kind: excessive, text: "nested too deeply"}
	}
	d.space()
	switch c := d.peek(); {
	case c == '{':
		return d.skipAll('}', depth, true)
	case c == '[':
		return d.skipAll(']', depth, false)
	case c == '"':
		_, err := d.string()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, err := d.numeral()
		return err
	case d.literal("true") || d.literal("false") || d.literal("null"):
		return nil
	}
	return d.syntax("expected a value")
}

func (d *jsonScanner) skipAll(end byte, depth int, keyed bool) error {
	d.pos++
	for first := true; ; first = false {
		d.space()
		if d.peek() == end {
			d.pos++
			return nil
		}
		if !first {
			if err := d.punctuation(','); err != nil {
				return err
			}
			d.space()
		}
		if keyed {
			if _, err := d.string(); err != nil {
				return err
			}
			d.space()
			if err := d.punctuation(':'); err != nil {
				return err
			}
		}
		if err := d.skip(depth + 1); err != nil {
			return err
		}
	}
}
