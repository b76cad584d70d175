// Package key says which path the file of an object has, and what key a path means. Both ends of package embedded know
// it: the server asks for paths, and the program that keeps objects lists keys.
package key

import (
	"strings"
	"unicode/utf8"
)

// Keys are any texts, and paths are not: "a" and "a/b" cannot both be files, "a//b" and "a/../b" are other paths, and a
// name in a directory has 255 bytes. So a key is encoded:
//
//	a slash         as it is, where the piece before it is not empty; otherwise ".2"
//	"."             ".1"
//	"?"             "?" and 0x04, which keeps "?versionId=" out of paths
//	bytes to 0x03   0x03 and the byte + 0x40
//	long pieces     broken by 0x02 and a slash
//	the end         0x01
//
// so that no name is empty, "." or "..", no file's name is a directory's, and encoded keys are ordered as the keys are,
// byte by byte: listings need not know of it.
const (
	endMark = "\x01"
	// BreakMark ends a piece that goes on in the next directory.
	BreakMark = "\x02/"
	// maxPiece is the length in bytes from which the rest of a piece goes into the next directory. It leaves room for the
	// mark, and for what the library appends while it replaces a file.
	maxPiece = 200
	// After is behind whatever may follow in an encoded key.
	After = "\xff"
)

// Encode returns the path, within its bucket, of the object with a key.
func Encode(key string) string { return EncodePrefix(key) + endMark }

// EncodePrefix returns how the paths of all keys begin that begin so.
func EncodePrefix(prefix string) string {
	var b strings.Builder
	piece := 0 // bytes in this one
	for i := range len(prefix) {
		c := prefix[i]
		if piece >= maxPiece {
			b.WriteString(BreakMark)
			piece = 0
		}
		before := b.Len()
		switch {
		case c == '/' && piece > 0:
			b.WriteByte(c)
			piece = 0
			continue
		case c == '/':
			b.WriteString(".2")
		case c == '.':
			b.WriteString(".1")
		case c == '?':
			b.WriteString("?\x04")
		case c <= 3:
			b.Write([]byte{3, c + 0x40})
		default:
			b.WriteByte(c)
		}
		piece += b.Len() - before
	}
	return b.String()
}

// Decode returns the key of a path. It is false for what is no object's path: the library's own files.
func Decode(path string) (string, bool) {
	path, ok := strings.CutSuffix(path, endMark)
	if !ok {
		return "", false
	}
	return DecodePrefix(path)
}

// DecodePrefix returns how the keys begin whose paths begin so. It is false for what no path begins with.
func DecodePrefix(path string) (string, bool) {
	key := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		c, next := path[i], byte(0)
		if i+1 < len(path) {
			next = path[i+1]
		}
		switch {
		case c == '.' && next == '1':
			key = append(key, '.')
		case c == '.' && next == '2':
			key = append(key, '/')
		case c == '?' && next == 4:
			key = append(key, '?')
		case c == 2 && next == '/':
		case c == 3 && 0x40 <= next && next <= 0x43:
			key = append(key, next-0x40)
		case c == '.' || c == '?' || c <= 3:
			return "", false
		default:
			key = append(key, c)
			continue
		}
		i++
	}
	return string(key), utf8.Valid(key)
}
