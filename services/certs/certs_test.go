package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"postern/services/certs"
)

func newAuthority(t *testing.T, now func() time.Time) *certs.Authority {
	t.Helper()
	a, err := certs.New(now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func verify(a *certs.Authority, leaf *tls.Certificate, name string, at time.Time) error {
	_, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Pool(), CurrentTime: at})
	return err
}

func TestLeavesOfServedNames(t *testing.T) {
	a := newAuthority(t, time.Now)
	for _, tt := range []struct{ sni, verify string }{
		{"ssm.us-east-1.amazonaws.com", "ssm.us-east-1.amazonaws.com"},
		{"SSM.us-east-1.amazonaws.com.", "ssm.us-east-1.amazonaws.com"},
		{"vpce-1-2.ssm.eu-west-1.vpce.amazonaws.com", "vpce-1-2.ssm.eu-west-1.vpce.amazonaws.com"},
		{strings.Repeat("a", 60) + ".s3.us-east-1.amazonaws.com", strings.Repeat("a", 60) + ".s3.us-east-1.amazonaws.com"},
		{"localhost", "127.0.0.1"},
		{"", "localhost"},
	} {
		leaf, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: tt.sni})
		if err != nil {
			t.Errorf("%q: %v", tt.sni, err)
			continue
		}
		if err := verify(a, leaf, tt.verify, time.Now()); err != nil {
			t.Errorf("%q: %v", tt.sni, err)
		}
	}
}

func TestForeignNamesAreRefused(t *testing.T) {
	a := newAuthority(t, time.Now)
	for _, sni := range []string{"example.com", "amazonaws.com.example.com", "notamazonaws.com", "bank"} {
		if _, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: sni}); err == nil {
			t.Errorf("a leaf was made for %q", sni)
		}
	}
}

func TestRootIsNameConstrained(t *testing.T) {
	block, _ := pem.Decode(newAuthority(t, time.Now).CertificatePEM())
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !root.PermittedDNSDomainsCritical ||
		len(root.PermittedDNSDomains) != len(certs.Domains) || len(root.PermittedIPRanges) != 2 {
		t.Errorf(
			"constraints: critical %v, domains %v, ranges %v", root.PermittedDNSDomainsCritical, root.PermittedDNSDomains,
			root.PermittedIPRanges,
		)
	}
}

func TestAuthoritySurvivesMarshal(t *testing.T) {
	a := newAuthority(t, time.Now)
	data, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := certs.Load(data, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := b.GetCertificate(&tls.ClientHelloInfo{ServerName: "ssm.us-east-1.amazonaws.com"})
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(a, leaf, "ssm.us-east-1.amazonaws.com", time.Now()); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "x", string(a.CertificatePEM())} {
		if _, err := certs.Load([]byte(bad), time.Now); err == nil {
			t.Errorf("Load(%.20q…) succeeded", bad)
		}
	}
}

func TestLeafIsRenewed(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	a := newAuthority(t, func() time.Time { return now })
	hello := &tls.ClientHelloInfo{ServerName: "ssm.us-east-1.amazonaws.com"}
	first, err := a.GetCertificate(hello)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := a.GetCertificate(hello); again != first {
		t.Error("a fresh leaf was made anew")
	}
	now = now.Add(25 * 24 * time.Hour)
	renewed, err := a.GetCertificate(hello)
	if err != nil {
		t.Fatal(err)
	}
	if renewed == first {
		t.Error("an ageing leaf was not renewed")
	}
	if err := verify(a, renewed, hello.ServerName, now.Add(20*24*time.Hour)); err != nil {
		t.Error(err)
	}
}

// TestBucketsInHosts: a leaf is good for every bucket without a dot in its name, as Amazon's are.
func TestBucketsInHosts(t *testing.T) {
	a := newAuthority(t, time.Now)
	for host, good := range map[string]bool{
		"s3.us-east-1.amazonaws.com":                          true,
		"my-bucket.s3.us-east-1.amazonaws.com":                true,
		"my-bucket.s3-eu-west-1.amazonaws.com":                true,
		"my-bucket.s3.dualstack.us-east-1.amazonaws.com":      true,
		"my-bucket.s3.amazonaws.com":                          true,
		"s3.s3.amazonaws.com":                                 true,
		"my.bucket.s3.us-east-1.amazonaws.com":                false,
		"my.s3.us-east-1.s3.amazonaws.com":                    false,
		"b.bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com":   true,
		"bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com":     true,
		"vpce-1-2.s3.us-east-1.vpce.amazonaws.com":            true,
		"a.b.bucket.vpce-1-2.s3.us-east-1.vpce.amazonaws.com": false,
		"vpce-1-us-east-1a.s3.us-east-1.vpce.amazonaws.com":   true,
		"s3-outposts.us-east-1.amazonaws.com":                 true,
		"vpce-1.ssm.us-east-1.vpce.amazonaws.com":             true,
	} {
		leaf, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: host})
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(a, leaf, host, time.Now()); (err == nil) != good {
			t.Errorf("%s: %v", host, err)
		}
	}
}
