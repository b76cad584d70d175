package execute

import (
	"strings"
	"unicode/utf8"

	"postern/ssm/mgs"
)

// Where output is cut, in Amazon's words.
const (
	outputCut = "\n---Output truncated---"
	errorCut  = "\n---Error truncated----"
)

// Truncate cuts text to a limit in bytes, the mark included.
func Truncate(s string, limit int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) < limit {
		return s
	}
	return head(s, limit-len(mgs.TruncatedMark)) + mgs.TruncatedMark
}

// head returns the first n bytes of s, or fewer where a character would be cut.
func head(s string, n int) string {
	n = max(0, min(n, len(s)))
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// joinOutput puts output and error output into one text of at most limit bytes. Each may have half of the room, and
// what the other leaves.
func joinOutput(stdout, stderr string, limit int) string {
	stdout, stderr = strings.ToValidUTF8(stdout, "�"), strings.ToValidUTF8(stderr, "�")
	mark := ""
	if stderr != "" {
		mark = mgs.ErrorMark
	}
	room := limit - len(mark)
	switch {
	case len(stdout)+len(stderr) < room:
		return stdout + mark + stderr
	case len(stdout) > room/2 && len(stderr) > room/2:
		half := (room - len(outputCut) - len(errorCut)) / 2
		return head(stdout, half) + outputCut + mark + head(stderr, half) + errorCut
	case len(stdout) <= room/2:
		return stdout + mark + head(stderr, room-len(errorCut)-len(stdout)) + errorCut
	default:
		return head(stdout, room-len(outputCut)-len(stderr)) + outputCut + mark + stderr
	}
}

// capture keeps the beginning of a stream and counts the rest away, so that a script that prints without end costs no
// memory. One goroutine writes.
type capture struct {
	text []byte
	max  int
}

func (c *capture) Write(b []byte) (int, error) {
	if room := c.max - len(c.text); room > 0 {
		c.text = append(c.text, b[:min(room, len(b))]...)
	}
	return len(b), nil
}
