package dns

import (
	"testing"

	"github.com/miekg/dns"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// FuzzMessage: whatever arrives, the answer is none or a DNS answer to that message within the asker's limit.
func FuzzMessage(f *testing.F) {
	for _, name := range []string{
		".", "ssm.us-east-1.amazonaws.com.", "20.1.0.10.in-addr.arpa.", "example.com.", `a\.b\000.ec2.internal.`,
	} {
		m := new(dns.Msg)
		m.SetQuestion(name, dns.TypeA)
		if b, err := m.Pack(); err == nil {
			f.Add(b, true)
		}
		m.SetEdns0(512, true)
		if b, err := m.Pack(); err == nil {
			f.Add(b, false)
			f.Add(b[:len(b)-3], true)
		}
	}
	f.Add([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1}, true)
	snapshot, err := vpc.NewSnapshot(1, vpctest.Sample())
	if err != nil {
		f.Fatal(err)
	}
	s := New(Options{Snapshot: func() *vpc.Snapshot { return snapshot }})
	f.Fuzz(func(t *testing.T, in []byte, udp bool) {
		q := s.read(in, vpc.Origin{VPC: vpctest.VPC}, udp)
		b := s.answer(q, nil)
		if b == nil {
			return
		}
		r := new(dns.Msg)
		if err := r.Unpack(b); err != nil {
			t.Fatalf("%x is answered with %x: %v", in, b, err)
		}
		if !r.Response || b[0] != in[0] || b[1] != in[1] || udp && len(b) > udpSize {
			t.Fatalf("%x is answered with %v", in, r)
		}
	})
}
