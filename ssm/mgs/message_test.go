package mgs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"postern/ssm/mgs"
)

// golden is a terminal's first message as the public plugin writes it: the worked example of the design notes, which
// was checked against the agent's own reader.
const golden = `
0000  00 00 00 74 69 6e 70 75 74 5f 73 74 72 65 61 6d
0010  5f 64 61 74 61 20 20 20 20 20 20 20 20 20 20 20
0020  20 20 20 20 00 00 00 01 00 00 01 8b cf e5 68 00
0030  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
0040  88 99 aa bb cc dd ee ff 00 11 22 33 44 55 66 77
0050  d5 3c a1 ea 7d ce 87 c1 14 32 05 2a 85 50 ed 26
0060  15 cf 71 5c a8 43 c8 97 10 ed 83 32 5b 69 1c ba
0070  00 00 00 03 00 00 00 15 7b 22 63 6f 6c 73 22 3a
0080  38 30 2c 22 72 6f 77 73 22 3a 32 34 7d`

func goldenBytes(t testing.TB) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(strings.TrimSpace(golden)) {
		_, digits, _ := strings.Cut(line, "  ")
		part, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	return b
}

func TestGolden(t *testing.T) {
	id, err := mgs.ParseUUID("00112233-4455-6677-8899-aabbccddeeff")
	if err != nil {
		t.Fatal(err)
	}
	m := mgs.Message{
		Type: mgs.InputStreamData, Schema: 1, Created: 1700000000000, ID: id,
		PayloadType: mgs.PayloadSize, Payload: []byte(`{"cols":80,"rows":24}`),
	}
	got, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.Dump(goldenBytes(t)), hex.Dump(got)); diff != "" {
		t.Errorf("encoded (-want +got):\n%s", diff)
	}
	back, err := mgs.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if !back.Intact() {
		t.Error("the digest does not fit")
	}
	m.Digest = back.Digest
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("parsed (-want +got):\n%s", diff)
	}
	if want := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC); !back.Time().Equal(want) {
		t.Errorf("Time() = %v, want %v", back.Time(), want)
	}
}

func TestParseLenientAndStrict(t *testing.T) {
	edit := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(goldenBytes(t))) }
	for _, tt := range []struct {
		name    string
		in      []byte
		payload string // of what is read; "" with ok
		ok      bool
	}{
		{"as it is", goldenBytes(t), `{"cols":80,"rows":24}`, true},
		{"NUL padding", edit(func(b []byte) []byte {
			copy(b[4:36], append([]byte("acknowledge"), make([]byte, 21)...))
			return b
		}), `{"cols":80,"rows":24}`, true},
		{"wrong digest", edit(func(b []byte) []byte { b[80] ^= 1; return b }), `{"cols":80,"rows":24}`, true},
		{"longer header", edit(func(b []byte) []byte {
			b[3] += 8
			return append(b[:116:116], append(make([]byte, 8), b[116:]...)...)
		}), `{"cols":80,"rows":24}`, true},
		{
			"bytes behind the payload", edit(func(b []byte) []byte { return append(b, "more"...) }), `{"cols":80,"rows":24}`,
			true,
		},
		{"empty payload", edit(func(b []byte) []byte { b[119] = 0; return b[:120] }), "", true},
		{"nothing", nil, "", false},
		{"cut header", edit(func(b []byte) []byte { return b[:119] }), "", false},
		{"cut payload", edit(func(b []byte) []byte { return b[:130] }), "", false},
		{"huge payload length", edit(func(b []byte) []byte { b[116] = 0xff; return b }), "", false},
		{"huge header length", edit(func(b []byte) []byte { b[0] = 0xff; return b }), "", false},
		{"header length that wraps", edit(func(b []byte) []byte { copy(b, "\xff\xff\xff\xff"); return b }), "", false},
		{"header too short", edit(func(b []byte) []byte { b[3] = 112; return b }), "", false},
		{"zero header", edit(func(b []byte) []byte { b[3] = 0; return b }), "", false},
		{"no type", edit(func(b []byte) []byte { copy(b[4:36], strings.Repeat(" ", 32)); return b }), "", false},
		{"no date", edit(func(b []byte) []byte { copy(b[40:48], make([]byte, 8)); return b }), "", false},
		{"too large", make([]byte, mgs.MaxSize+1), "", false},
	} {
		m, err := mgs.Parse(tt.in)
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want ok=%t", tt.name, err, tt.ok)
			continue
		}
		if err != nil && !errors.Is(err, mgs.ErrMalformed) {
			t.Errorf("%s: %v is not ErrMalformed", tt.name, err)
		}
		if got := string(m.Payload); got != tt.payload {
			t.Errorf("%s: payload %q, want %q", tt.name, got, tt.payload)
		}
	}
}

func TestAppendToRefuses(t *testing.T) {
	for name, m := range map[string]mgs.Message{
		"no type":   {Created: 1},
		"long type": {Created: 1, Type: strings.Repeat("x", 33)},
		"no date":   {Type: mgs.AgentJob},
		"too large": {Created: 1, Type: mgs.AgentJob, Payload: make([]byte, mgs.MaxSize)},
	} {
		before := []byte("kept")
		if b, err := m.AppendTo(before); err == nil || string(b) != "kept" {
			t.Errorf("%s: AppendTo = %q, %v", name, b, err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mgs.Message{
			Type:        rapid.StringMatching(`[a-z_]{1,32}`).Draw(t, "type"),
			Schema:      rapid.Uint32().Draw(t, "schema"),
			Created:     rapid.Uint64Min(1).Draw(t, "created"),
			Sequence:    rapid.Int64().Draw(t, "sequence"),
			Flags:       rapid.Uint64().Draw(t, "flags"),
			PayloadType: rapid.Uint32().Draw(t, "payload type"),
			Payload:     rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
		}
		copy(m.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != m.Size() || mgs.TypeOf(b) != m.Type {
			t.Fatalf("%d bytes of type %q, want %d of %q", len(b), mgs.TypeOf(b), m.Size(), m.Type)
		}
		back, err := mgs.Parse(b)
		if err != nil || !back.Intact() {
			t.Fatalf("parse: %v, intact %t", err, back.Intact())
		}
		m.Digest = back.Digest
		if diff := cmp.Diff(m, back); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	m := mgs.New(mgs.AgentJob, []byte(`{}`), time.Unix(1, 0))
	buf := make([]byte, 0, m.Size())
	if n := testing.AllocsPerRun(100, func() {
		b, err := m.AppendTo(buf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mgs.Parse(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations to write and read a message", n)
	}
}

func TestUUID(t *testing.T) {
	for in, ok := range map[string]bool{
		"00112233-4455-6677-8899-aabbccddeeff":  true,
		"00112233-4455-6677-8899-AABBCCDDEEFF":  true,
		"00112233445566778899aabbccddeeff":      false,
		"00112233-4455-6677-8899-aabbccddeefg":  false,
		"00112233-4455-6677-8899-aabbccddeeff0": false,
		"":                                      false,
	} {
		u, err := mgs.ParseUUID(in)
		if (err == nil) != ok {
			t.Errorf("ParseUUID(%q): %v", in, err)
		}
		if ok && u.String() != strings.ToLower(in) {
			t.Errorf("%q became %q", in, u)
		}
	}
	if u := mgs.NewUUID().String(); u[14] != '4' || !strings.ContainsRune("89ab", rune(u[19])) {
		t.Errorf("%s is not a version 4 UUID", u)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(goldenBytes(f))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 120))
	short := mgs.New(mgs.AgentJobAck, nil, time.Unix(1, 0))
	b, _ := short.Encode()
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := mgs.Parse(in)
		if err != nil {
			return
		}
		out, err := m.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := mgs.Parse(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		m.Digest = back.Digest
		if diff := cmp.Diff(m, back); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}

func BenchmarkAppendTo(b *testing.B) {
	m := mgs.New(mgs.OutputStreamData, make([]byte, 1024), time.Unix(1, 0))
	buf := make([]byte, 0, m.Size())
	b.SetBytes(int64(m.Size()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.AppendTo(buf); err != nil {
			b.Fatal(err)
		}
	}
}
