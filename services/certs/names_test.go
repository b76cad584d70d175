package certs_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/services/certs"
)

// Clients send any name. What is served for one is signed by the authority, for a domain that it serves; and the name
// that it is for is the client's, or that of the service whose bucket the client names.
func FuzzGetCertificate(f *testing.F) {
	for _, name := range []string{
		"", "localhost", "SSM.us-east-1.amazonaws.com.", "b.s3.amazonaws.com", "s3.",
		"vpce-1.s3.us-east-1.vpce.amazonaws.com", "b.bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com",
		"..amazonaws.com", "*.amazonaws.com", "s3.s3.s3-.amazonaws.com",
		"\x00.amazonaws.com", "é.localhost", strings.Repeat("a.", 200) + "localhost", "vpce-.s3.localhost",
	} {
		f.Add(name)
	}
	a, err := certs.New(time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		leaf, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
		asked := strings.ToLower(strings.TrimSuffix(name, "."))
		if err != nil {
			if asked == "" || asked == "localhost" || !certs.Serves(asked) && !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", name, err)
			}
			return
		}
		if asked != "" && !certs.Serves(asked) {
			t.Fatalf("%q is not served, and has a leaf", name)
		}
		if err := leaf.Leaf.CheckSignatureFrom(rootOf(t, a)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		for _, signed := range leaf.Leaf.DNSNames {
			base := strings.TrimPrefix(signed, "*.")
			if !certs.Serves(base) || asked != "" && asked != base && !strings.HasSuffix(asked, "."+base) {
				t.Errorf("%q: the leaf is for %q", name, signed)
			}
		}
	})
}

// A CA file that is not what Marshal wrote is refused with what is missing.
func TestLoadRefuses(t *testing.T) {
	a := newAuthority(t, time.Now)
	whole, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	root := string(a.CertificatePEM())
	block := func(kind, text string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte(text)}))
	}
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "the CA file does not hold a CERTIFICATE and a PRIVATE KEY block"},
		{"without the key", root, "the CA file does not hold a CERTIFICATE and a PRIVATE KEY block"},
		{"the key first", strings.TrimPrefix(string(whole), root) + root,
			"the CA file does not hold a CERTIFICATE and a PRIVATE KEY block"},
		{"cut off", string(whole[:len(whole)-40]), "the CA file does not hold a CERTIFICATE and a PRIVATE KEY block"},
		{"a key that is none", root + block("PRIVATE KEY", "x"), "parse CA key: "},
		{"a certificate that is none", block("CERTIFICATE", "x") + strings.TrimPrefix(string(whole), root),
			"parse CA certificate: "},
		{"another's key", root + keyOf(t, newAuthority(t, time.Now)), "the CA's key is not that of its certificate"},
	} {
		if _, err := certs.Load([]byte(tt.text), time.Now); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Any number of clients at once have one leaf for one name.
func TestLeavesAreShared(t *testing.T) {
	a := newAuthority(t, time.Now)
	leaves := make(chan *tls.Certificate, 16)
	var all sync.WaitGroup
	for i := range cap(leaves) {
		all.Go(func() {
			name := fmt.Sprintf("bucket-%d.s3.us-east-1.amazonaws.com", i) // an asterisk stands for each
			leaf, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
			if err != nil {
				t.Error(err)
			}
			leaves <- leaf
		})
	}
	all.Wait()
	close(leaves)
	first := <-leaves
	for leaf := range leaves {
		if leaf != first {
			t.Error("a second leaf was made")
		}
	}
}

// keyOf returns the block of an authority's key.
func keyOf(t *testing.T, a *certs.Authority) string {
	t.Helper()
	whole, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(whole), string(a.CertificatePEM()))
}

// rootOf returns an authority's own certificate.
func rootOf(t *testing.T, a *certs.Authority) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(a.CertificatePEM())
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return root
}
