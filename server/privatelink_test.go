package server

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// TestVerifyDNS asks a real name server for TXT records.
func TestVerifyDNS(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	names := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetReply(q)
		switch q.Question[0].Name {
		case "_x.example.com.":
			a.Answer = []dns.RR{
				&dns.TXT{
					Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET},
					Txt: []string{"vpce:y"},
				},
			}
		case "broken.example.com.":
			a.Rcode = dns.RcodeServerFailure
		default:
			a.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(a)
	})}
	done := make(chan error, 1)
	go func() { done <- names.ActivateAndServe() }()
	defer func() {
		names.Shutdown()
		<-done
	}()
	c := Config{
		VerifyDNS:   packets.LocalAddr().String(),
		HostTargets: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")},
	}
	lookup, err := c.lookupTXT()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lookup(t.Context(), "_x.example.com"); err != nil || len(got) != 1 || got[0] != "vpce:y" {
		t.Errorf("the record: %q, %v", got, err)
	}
	if got, err := lookup(t.Context(), "absent.example.com"); err != nil || len(got) != 0 {
		t.Errorf("no record: %q, %v", got, err)
	}
	if _, err := lookup(t.Context(), "broken.example.com"); err == nil {
		t.Error("a failure is no answer")
	}
	if !c.hostTarget(netip.MustParseAddrPort("127.0.0.1:8080")) ||
		c.hostTarget(netip.MustParseAddrPort("127.0.0.1:8081")) {
		t.Error("other targets are allowed than those that are named")
	}
	if lookup, err := (&Config{}).lookupTXT(); lookup != nil || err != nil {
		t.Errorf("without a name server: %v", err)
	}
	if _, err := (&Config{VerifyDNS: "dns.example.com"}).lookupTXT(); err == nil {
		t.Error("a name server without address and port is taken")
	}
}
