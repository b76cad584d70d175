package wire

import (
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// scalarText writes a value as it stands in a path, a query or a header.
func scalarText(s *shape, v reflect.Value, times string) string {
	switch s.form {
	case formBool:
		return strconv.FormatBool(v.Bool())
	case formInt:
		return strconv.FormatInt(v.Int(), 10)
	case formFloat:
		switch f := v.Float(); {
		case math.IsNaN(f):
			return "NaN"
		case math.IsInf(f, 1):
			return "Infinity"
		case math.IsInf(f, -1):
			return "-Infinity"
		default:
			return strconv.FormatFloat(f, 'g', -1, s.bits)
		}
	case formTime:
		return timeText(timeOf(v).UTC(), times)
	}
	return v.String()
}

func timeText(t time.Time, format string) string {
	switch format {
	case httpDate:
		return t.Format(http.TimeFormat)
	case epochSeconds:
		return string(appendEpoch(nil, t))
	}
	return t.Format("2006-01-02T15:04:05.999Z")
}

// readScalar reads such a text. It is strict: what no client writes is refused.
func readScalar(s *shape, v reflect.Value, text, times string) error {
	wrong := func(what string) error { return &problem{kind: mistyped, text: "expected " + what} }
	switch s.form {
	case formBool:
		if text != "true" && text != "false" {
			return wrong("true or false")
		}
		v.SetBool(text == "true")
	case formInt:
		n, err := strconv.ParseInt(text, 10, s.bits)
		if err != nil || text[0] == '+' {
			return wrong("an integer of " + strconv.Itoa(s.bits) + " bits")
		}
		v.SetInt(n)
	case formFloat:
		n, err := readFloat(text, s.bits)
		if err != nil {
			return wrong("a number")
		}
		v.SetFloat(n)
	case formTime:
		t, err := readTime(text, times)
		if err != nil {
			return wrong("a time in the format " + times)
		}
		v.Set(reflect.ValueOf(t.UTC()))
	default:
		v.SetString(strings.Clone(text))
	}
	return nil
}

func readFloat(text string, bits int) (float64, error) {
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, bits)
}

func readTime(text, format string) (time.Time, error) {
	switch format {
	case httpDate:
		return http.ParseTime(text)
	case epochSeconds:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || math.Abs(n) > maxEpoch {
			return time.Time{}, strconv.ErrRange
		}
		return epoch(n), nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

// headerList writes a list in one header. A text with a comma or a quote stands in quotes.
func headerList(s *shape, v reflect.Value, times string) string {
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = scalarText(s.elem, deref(v.Index(i)), times)
		if s.elem.form == formString && (parts[i] == "" || strings.ContainsAny(parts[i], `",`)) {
			parts[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(parts[i]) + `"`
		}
	}
	return strings.Join(parts, ", ")
}

// splitHeader takes a list in a header apart: at commas, outside of quotes. Times of HTTP have a comma each themselves.
func splitHeader(s *shape, text, times string) ([]string, error) {
	if s.form == formTime && times == httpDate {
		return splitDates(text), nil
	}
	var parts []string
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t")
		var part string
		if strings.HasPrefix(rest, `"`) && s.form == formString {
			var ok bool
			if part, rest, ok = unquote(rest); !ok {
				return nil, &problem{kind: mistyped, text: "a quote does not end"}
			}
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			part, rest = strings.TrimRight(rest[:end], " \t"), rest[end:]
		}
		parts = append(parts, part)
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return parts, nil
		}
		if rest[0] != ',' {
			return nil, &problem{kind: mistyped, text: "expected a comma after a quote"}
		}
		rest = rest[1:]
	}
}

func splitDates(text string) []string {
	var dates []string
	commas := 0
	start := 0
	for i := range len(text) {
		if text[i] != ',' {
			continue
		}
		if commas++; commas%2 == 0 {
			dates = append(dates, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(dates, strings.TrimSpace(text[start:]))
}

// unquote reads a text in quotes and returns what follows it.
func unquote(text string) (inner, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:], true
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// headerSafe reports whether a text can stand in a header.
func headerSafe(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(text)
}
