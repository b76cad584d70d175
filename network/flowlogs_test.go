package network

import (
	"strings"
	"testing"
)

// FuzzFlowLogFormat takes any format, or refuses it: one that is taken holds known fields only, each once.
func FuzzFlowLogFormat(f *testing.F) {
	for _, seed := range []string{
		DefaultFlowLogFormat, "${srcaddr}", "srcaddr", "${srcaddr} ${srcaddr}", "${}", "$ { }", " ", "${nosuch}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, format string) {
		if checkFormat(format) != nil {
			return
		}
		seen := map[string]bool{}
		for field := range strings.FieldsSeq(format) {
			name, ok := strings.CutPrefix(field, "${")
			if !ok || !strings.HasSuffix(name, "}") || seen[field] {
				t.Errorf("%q was taken, with %q", format, field)
			}
			seen[field] = true
		}
		if len(seen) == 0 {
			t.Errorf("%q was taken, and has no field", format)
		}
	})
}
