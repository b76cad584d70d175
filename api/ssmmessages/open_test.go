package ssmmessages

import "testing"

func FuzzReadOpen(f *testing.F) {
	f.Add([]byte(`{"Cookie":null,"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","AgentVersion":"3.3.0.0","PlatformType":"linux"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"TokenValue":7}`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if open, err := readOpen(in); err == nil && open.Token == "" {
			t.Errorf("%q opens without a token", in)
		}
	})
}
