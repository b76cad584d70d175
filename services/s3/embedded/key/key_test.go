package key

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// keys draws keys, of a few characters that matter, and long ones.
func keys() *rapid.Generator[string] {
	few := rapid.StringOfN(rapid.RuneFrom([]rune("a/.!?0\x01\x02\x03\x04\x00ü")), 0, 12, -1)
	return rapid.Custom(func(t *rapid.T) string {
		key := few.Draw(t, "key")
		if rapid.Bool().Draw(t, "long") {
			key += strings.Repeat("x", rapid.IntRange(190, 420).Draw(t, "length")) + few.Draw(t, "rest")
		}
		return key
	})
}

func TestKeysAndPaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := keys().Draw(t, "a"), keys().Draw(t, "b")
		pathA, pathB := Encode(a), Encode(b)
		if back, ok := Decode(pathA); !ok || back != a {
			t.Fatalf("%q becomes %q and then %q", a, pathA, back)
		}
		if (a < b) != (pathA < pathB) {
			t.Fatalf("%q and %q are ordered, and %q and %q are not", a, b, pathA, pathB)
		}
		if strings.HasPrefix(a, b) != strings.HasPrefix(pathA, EncodePrefix(b)) {
			t.Fatalf("%q and the prefix %q: %q, %q", a, b, pathA, EncodePrefix(b))
		}
		if strings.HasPrefix(pathB, pathA) && a != b {
			t.Fatalf("%q is a file, and a directory for %q", pathA, pathB)
		}
		for name := range strings.SplitSeq(pathA, "/") {
			if name == "" || name == "." || name == ".." || len(name) > 230 || strings.HasPrefix(name, ".sgwtmp") {
				t.Fatalf("%q has the name %q", pathA, name)
			}
		}
	})
}

func TestOtherFilesAreNoKeys(t *testing.T) {
	for _, path := range []string{"a", "", ".a.sgwtmp.123", ".sgwtmp/multipart", "\x01\x01", "a\x02b\x01", "\xff\x01"} {
		if key, ok := Decode(path); ok {
			t.Errorf("%q is the key %q", path, key)
		}
	}
}
