package link

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/aws/fault"
)

const (
	testActivation = "0a1b2c3d-0000-4000-8000-000000000001"
	testCode       = "K7mQpX2vRt9LsYw4ZbNc"
)

var testKey = DeriveJoinKey(testActivation, testCode)

func testRequest() *JoinRequest {
	return &JoinRequest{
		Activation: testActivation, PublicKey: PublicKey{1, 2, 3}, Time: time.Unix(1_790_000_000, 5),
		Nonce: [NonceSize]byte{9, 8, 7}, Subnet: "subnet-0123456789abcdef0", Hostname: "press-7.hall.example", CAOffset: 640,
	}
}

func testGrant() Grant {
	return Grant{
		Account: "000000000000", Region: "us-east-1", VPC: "vpc-0123456789abcdef0",
		Subnet: "subnet-0123456789abcdef0", Interface: "eni-0123456789abcdef0",
		Address: netip.MustParsePrefix("10.0.1.20/24"), Resolver: netip.MustParseAddr("10.0.0.2"), MTU: 1420,
		Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("fd00::/56")},
	}
}

func TestJoinRequestRoundTrip(t *testing.T) {
	want := testRequest()
	b := want.Marshal(testKey)
	if len(b) != JoinSize || !IsJoin(b) {
		t.Fatalf("%d bytes, join %t", len(b), IsJoin(b))
	}
	got, err := ParseJoinRequest(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Error(diff)
	}
	if !Authentic(b, testKey) {
		t.Error("not authentic with the key that made it")
	}
	if bytes.Contains(b, []byte(testCode)) || bytes.Contains(b, testKey) {
		t.Error("the code or the key is on the wire")
	}
}

func TestEveryBitIsAuthenticated(t *testing.T) {
	b := testRequest().Marshal(testKey)
	for i := range b {
		b[i] ^= 0x10
		if Authentic(b, testKey) {
			t.Fatalf("byte %d is not covered", i)
		}
		b[i] ^= 0x10
	}
	if Authentic(b, DeriveJoinKey(testActivation, testCode+"x")) || Authentic(b, DeriveJoinKey("other", testCode)) {
		t.Error("authentic with another code or activation")
	}
}

func TestJoinReplyCarriesTheCAInPieces(t *testing.T) {
	for _, size := range []int{0, 1, 500, 5000, MaxCA} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			ca := make([]byte, size)
			rand.Read(ca)
			var got []byte
			for first := true; first || len(got) < size; first = false {
				grant := testGrant()
				if size == 500 {
					grant.Servers = []netip.Addr{netip.MustParseAddr("10.0.9.53"), netip.MustParseAddr("10.0.0.2")}
					grant.Search = []string{"corp.example", "a.b"}
				}
				r := &JoinReply{Grant: grant, Nonce: [NonceSize]byte{1}, ServerKey: PublicKey{4}, CAOffset: uint32(len(got))}
				b := r.Marshal(testKey, ca)
				if len(b) > JoinSize {
					t.Fatalf("%d bytes, at most %d", len(b), JoinSize)
				}
				reply, refusal, err := ParseJoinAnswer(b, testKey)
				if err != nil || refusal != nil {
					t.Fatal(refusal, err)
				}
				if int(reply.CASize) != size {
					t.Fatalf("CA size %d, want %d", reply.CASize, size)
				}
				got = append(got, reply.CA...)
				r.CASize, r.CASum, r.CA = reply.CASize, reply.CASum, reply.CA
				if diff := cmp.Diff(r, reply, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}),
					cmpopts.EquateEmpty()); diff != "" {
					t.Fatal(diff)
				}
			}
			if !bytes.Equal(got, ca) {
				t.Error("the bundle is not what was sent")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	why := &Refusal{
		Nonce: [NonceSize]byte{3}, Authenticated: true, Time: time.Unix(1_790_000_000, 0),
		Kind: fault.Conflict, Code: "InvalidActivation", Message: "the activation expired on 2026-11-01",
	}
	_, got, err := ParseJoinAnswer(why.Marshal(testKey), testKey)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(why, got); diff != "" {
		t.Error(diff)
	}
	if e := fault.Of(got.Err()); e.Kind != fault.Conflict || !strings.Contains(e.Message, "expired") {
		t.Errorf("Err = %v", e)
	}

	bare := &Refusal{Nonce: [NonceSize]byte{3}, Kind: fault.Conflict, Message: "never sent"}
	b := bare.Marshal(testKey)
	if len(b) != joinHeader+NonceSize {
		t.Errorf("a refusal without reason has %d bytes", len(b))
	}
	_, got, err = ParseJoinAnswer(b, testKey)
	if err != nil {
		t.Fatal(err)
	}
	if !fault.Is(got.Err(), fault.Unauthenticated) || strings.Contains(got.Err().Error(), "never sent") {
		t.Errorf("Err = %v", got.Err())
	}
}

func TestAnswersOfStrangersAreNotAccepted(t *testing.T) {
	other := DeriveJoinKey(testActivation, "another code altogether")
	reply := &JoinReply{Grant: testGrant(), ServerKey: PublicKey{4}}
	for _, tt := range []struct {
		name string
		b    []byte
		want error
	}{
		{"reply with another key", reply.Marshal(other, nil), ErrBadMAC},
		{"refusal with another key", (&Refusal{Authenticated: true}).Marshal(other), ErrBadMAC},
		{"a request as an answer", testRequest().Marshal(testKey), ErrMalformed},
		{"a WireGuard message", make([]byte, 148), ErrNotJoin},
		{"longer than allowed", append(testRequest().Marshal(testKey), 0), ErrNotJoin},
		{"nothing", nil, ErrNotJoin},
	} {
		if _, _, err := ParseJoinAnswer(tt.b, testKey); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestLost(t *testing.T) {
	b := MarshalLost(0xdeadbeef)
	if index, ok := ParseLost(b); !ok || index != 0xdeadbeef || !IsJoin(b) {
		t.Errorf("ParseLost = %#x, %t", index, ok)
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(b[:len(b):len(b)], 0), new(Refusal).Marshal(nil)} {
		if _, ok := ParseLost(bad); ok {
			t.Errorf("%x is taken", bad)
		}
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*JoinRequest)
	}{
		{"no activation", func(r *JoinRequest) { r.Activation = "" }},
		{"activation too long", func(r *JoinRequest) { r.Activation = strings.Repeat("a", 65) }},
		{"activation with a quote", func(r *JoinRequest) { r.Activation = "a'b" }},
		{"zero key", func(r *JoinRequest) { r.PublicKey = PublicKey{} }},
		{"subnet with a space", func(r *JoinRequest) { r.Subnet = "subnet 1" }},
		{"host name with a line feed", func(r *JoinRequest) { r.Hostname = "a\nb" }},
		{"host name too long", func(r *JoinRequest) { r.Hostname = strings.Repeat("a", 254) }},
	} {
		r := testRequest()
		tt.change(r)
		if err := r.Validate(); fault.Of(err).Kind != fault.Invalid && fault.Of(err).Kind != fault.Missing {
			t.Errorf("%s: Validate = %v", tt.name, err)
		}
		if _, err := ParseJoinRequest(r.Marshal(testKey)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: parsed: %v", tt.name, err)
		}
	}
}

func TestPrivateKeyIsNeverPrinted(t *testing.T) {
	k := NewPrivateKey()
	text, _ := k.MarshalText()
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%d", "%q"} {
		if got := fmt.Sprintf(verb, k); got != "(private key)" {
			t.Errorf("%s prints %q", verb, got)
		}
		if got := fmt.Sprintf(verb, struct{ K PrivateKey }{k}); strings.Contains(got, string(text)) {
			t.Errorf("%s in a struct prints it", verb)
		}
	}
	var back PrivateKey
	if err := back.UnmarshalText(text); err != nil || back != k {
		t.Errorf("UnmarshalText = %v", err)
	}
	if err := back.UnmarshalText([]byte("c2hvcnQ=")); err == nil || strings.Contains(err.Error(), "c2hvcnQ") {
		t.Errorf("UnmarshalText of a short key = %v", err)
	}
}

func FuzzParseJoinRequest(f *testing.F) {
	f.Add(testRequest().Marshal(testKey))
	f.Add((&JoinRequest{Activation: "a", PublicKey: PublicKey{1}}).Marshal(testKey))
	f.Add([]byte("PSTJ"))
	f.Add(make([]byte, JoinSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseJoinRequest(b)
		if err != nil {
			return
		}
		again, err := ParseJoinRequest(r.Marshal(testKey))
		if err != nil {
			t.Fatalf("what was parsed cannot be parsed again: %v", err)
		}
		if diff := cmp.Diff(r, again, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseJoinAnswer(f *testing.F) {
	reply := &JoinReply{Grant: testGrant(), ServerKey: PublicKey{4}}
	refusal := &Refusal{Authenticated: true, Message: "no"}
	// The fuzzer cannot guess the MAC: it is made anew each time, over whatever the fuzzer made of the rest.
	for _, b := range [][]byte{reply.Marshal(testKey, []byte("ca")), refusal.Marshal(testKey), new(Refusal).Marshal(nil)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > macSize && len(b) <= JoinSize {
			b = append(b[:len(b)-macSize:len(b)-macSize], sum(testKey, b[:len(b)-macSize])...)
		}
		reply, refusal, err := ParseJoinAnswer(b, testKey)
		if given := (reply != nil) != (refusal != nil); given != (err == nil) {
			t.Errorf("reply %v, refusal %v, error %v", reply, refusal, err)
		}
	})
}
