// Package certs is Postern's private certificate authority: one root, limited by name constraints to the domains it
// serves, and the leaf certificates made from it as they are asked for.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/aws/fault"
)

// Lifetimes. A leaf is renewed when a third of its life is left; both begin an hour early for clocks that lag.
const (
	rootLife = 10 * 365 * 24 * time.Hour
	leafLife = 30 * 24 * time.Hour
	early    = time.Hour
)

// maxLeaves bounds the cache: names come from clients' SNI.
const maxLeaves = 1024

// Domains are the DNS domains that the authority may sign for: AWS's partitions and this host itself.
var Domains = []string{
	"amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "c2s.ic.gov", "sc2s.sgov.gov", "csp.hci.ic.gov",
	"cloud.adc-e.uk", "localhost",
}

// loopback are the addresses that the authority may sign for.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Authority signs certificates. Its methods may be called at once from any number of goroutines.
type Authority struct {
	root    *x509.Certificate
	key     crypto.Signer
	rootPEM []byte
	// previous are the roots before this one that are still trusted.
	previous []*x509.Certificate
	now      func() time.Time
	// leafKey serves every leaf: making a key for each name would let clients' SNI burn processor time.
	leafKey *ecdsa.PrivateKey

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// New makes a new authority whose root is valid for ten years.
func New(now func() time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{CommonName: "Postern private CA " + serial.Text(16)[:8]},
		NotBefore:                   now().Add(-early),
		NotAfter:                    now().Add(rootLife),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         Domains,
	}
	for _, p := range loopback {
		template.PermittedIPRanges = append(template.PermittedIPRanges, &net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign root: %w", err)
	}
	return build(der, key, now)
}

// Load reads an authority that Marshal wrote.
func Load(data []byte, now func() time.Time) (*Authority, error) {
	certBlock, rest := pem.Decode(data)
	keyBlock, rest := pem.Decode(rest)
	if certBlock == nil || certBlock.Type != "CERTIFICATE" || keyBlock == nil || keyBlock.Type != "PRIVATE KEY" {
		return nil, fault.New(fault.Invalid, "certs.Load", "the CA file does not hold a CERTIFICATE and a PRIVATE KEY block")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse CA key: %w", err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fault.New(fault.Invalid, "certs.Load", "the CA's key cannot sign")
	}
	a, err := build(certBlock.Bytes, key, now)
	if err != nil {
		return nil, err
	}
	if public, ok := a.root.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) {
		return nil, fault.New(fault.Invalid, "certs.Load", "the CA's key is not that of its certificate")
	}
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return a, nil
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse previous CA certificate: %w", err)
		}
		if now().Before(root.NotAfter) {
			a.previous = append(a.previous, root)
		}
	}
}

// Rotate returns a new authority, which trusts the roots of this one beside its own.
func (a *Authority) Rotate() (*Authority, error) {
	next, err := New(a.now)
	if err != nil {
		return nil, err
	}
	next.previous = append([]*x509.Certificate{a.root}, a.previous...)
	return next, nil
}

// ForgetPrevious returns the authority without the roots before its own, and how many there were.
func (a *Authority) ForgetPrevious() (*Authority, int, error) {
	alone, err := build(a.root.Raw, a.key, a.now)
	return alone, len(a.previous), err
}

// bundle returns the roots before this one as PEM.
func (a *Authority) bundle() (all []byte) {
	for _, root := range a.previous {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})...)
	}
	return all
}

func build(der []byte, key crypto.Signer, now func() time.Time) (*Authority, error) {
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse CA certificate: %w", err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Authority{
		root: root, key: key, now: now, leafKey: leafKey,
		rootPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		leaves:  make(map[string]*tls.Certificate),
	}, nil
}

// Marshal returns certificate, private key and the certificates before this one as PEM. It is a secret: keep it in a
// file that only its owner can read.
func (a *Authority) Marshal() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return nil, err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return slices.Concat(a.rootPEM, key, a.bundle()), nil
}

// CertificatePEM returns what trust stores take: the root certificate, and those before it that are still trusted.
func (a *Authority) CertificatePEM() []byte { return slices.Concat(a.rootPEM, a.bundle()) }

// Pool returns a pool that trusts this authority's certificates alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, root := range append([]*x509.Certificate{a.root}, a.previous...) {
		pool.AddCert(root)
	}
	return pool
}

// GetCertificate answers tls.Config.GetCertificate: a leaf for the name that the client asked for, or for the loopback
// addresses where it asked for none. A name outside the authority's domains is refused.
func (a *Authority) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if name == "" {
		name = "localhost"
	}
	if !Serves(name) {
		return nil, fault.New(
			fault.Invalid, "certs.GetCertificate", "%q is outside the domains that this CA may sign for", name,
		)
	}
	name = wildcard(name)
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf := a.leaves[name]; leaf != nil && a.now().Before(leaf.Leaf.NotAfter.Add(-leafLife/3)) {
		return leaf, nil
	}
	leaf, err := a.sign(name)
	if err != nil {
		return nil, err
	}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[name] = leaf
	return leaf, nil
}

// wildcard returns the name that a leaf is made for. A bucket's name in the host of S3 is an asterisk, which stands for
// one label, as in Amazon's certificates: a bucket with a dot in its name is not reached by its own host over TLS.
func wildcard(name string) string {
	labels := strings.Split(name, ".")
	for i, label := range slices.Backward(labels[:len(labels)-1]) {
		own := label == "s3" && (labels[i+1] == "amazonaws" || strings.Contains(labels[i+1], "-") ||
			labels[i+1] == "dualstack") || strings.HasPrefix(label, "s3-")
		if !own || i == 0 {
			continue
		}
		if strings.HasPrefix(labels[i-1], "vpce-") { // the endpoint's own names: BUCKET.bucket.vpce-….s3.REGION.vpce
			if i < 3 || labels[i-2] != "bucket" {
				return name
			}
			i -= 2
		}
		return "*." + strings.Join(labels[i:], ".")
	}
	return name
}

// Serves reports whether the authority may sign for a DNS name.
func Serves(name string) bool {
	return slices.ContainsFunc(Domains, func(domain string) bool {
		return name == domain || strings.HasSuffix(name, "."+domain)
	})
}

func (a *Authority) sign(name string) (*tls.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: commonName(name)},
		NotBefore:    a.now().Add(-early),
		NotAfter:     a.now().Add(leafLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{name},
	}
	if base, ok := strings.CutPrefix(name, "*."); ok {
		template.DNSNames = append(template.DNSNames, base)
	}
	if name == "localhost" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, a.leafKey.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign leaf for %s: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: a.leafKey, Leaf: leaf}, nil
}

// commonName cuts a name to the 64 characters that X.520 allows; clients read the subject alternative names.
func commonName(name string) string { return name[:min(len(name), 64)] }

func newSerial() (*big.Int, error) {
	// RFC 5280 4.1.2.2: positive and at most 20 octets.
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 159))
}
