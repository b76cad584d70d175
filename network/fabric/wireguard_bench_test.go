package fabric_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/link"
	"postern/network/link/tunnel"
	"postern/network/vpc/vpctest"
)

// BenchmarkWireGuardHTTPS measures one HTTPS connection from a node through its tunnel, the filter and an endpoint's
// stack, and beside it the same with two kernel TCP stacks joined by wireguard-go over TAP devices. "down" is from the
// endpoint to the node.
func BenchmarkWireGuardHTTPS(b *testing.B) {
	for _, mtu := range []int{1420, 8920} {
		b.Run(fmt.Sprintf("mtu=%d/over=fabric", mtu), func(b *testing.B) {
			dial := fabricPath(b, mtu)
			transfer(b, dial)
		})
		b.Run(fmt.Sprintf("mtu=%d/over=wireguard-go", mtu), func(b *testing.B) {
			dial := kernelPath(b, mtu)
			transfer(b, dial)
		})
	}
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

const transferred = 16 << 20 // bytes of one request

// transfer measures both directions over one connection.
func transfer(b *testing.B, dial dialer) {
	client := &http.Client{Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the benchmark's own server
		WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
	}}
	defer client.CloseIdleConnections()
	buf := make([]byte, 256<<10)
	b.Run("down", func(b *testing.B) {
		defer perCPU(b)()
		b.SetBytes(transferred)
		for b.Loop() {
			answer, err := client.Get("https://" + ssmA.String() + "/?n=" + strconv.Itoa(transferred))
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, answer.Body, buf); n != transferred || err != nil {
				b.Fatal(n, err)
			}
			answer.Body.Close()
		}
	})
	b.Run("up", func(b *testing.B) {
		defer perCPU(b)()
		b.SetBytes(transferred)
		for b.Loop() {
			request, err := http.NewRequest(http.MethodPut, "https://"+ssmA.String()+"/", io.LimitReader(zeros{}, transferred))
			if err != nil {
				b.Fatal(err)
			}
			request.ContentLength = transferred
			answer, err := client.Do(request)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.ReadAll(answer.Body); string(n) != strconv.Itoa(transferred) {
				b.Fatal(string(n), err)
			}
			answer.Body.Close()
		}
	})
}

// perCPU reports how much a second of processor time carries, both ends together: it depends less than the rate on what
// else the machine does.
func perCPU(b *testing.B) (stop func()) {
	before := cpuTime()
	return func() {
		if used := cpuTime() - before; used > 0 {
			b.ReportMetric(float64(b.N)*transferred/1e6/used.Seconds(), "MB/cpu-s")
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// serve is the endpoint: GET ?n= answers with n bytes, PUT with the number of bytes it read.
func serve(b *testing.B, l net.Listener) {
	b.Helper()
	chunk := make([]byte, 256<<10)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 256<<10))
			fmt.Fprint(w, n)
			return
		}
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		w.Header().Set("Content-Length", strconv.Itoa(n))
		for n > 0 {
			wrote, err := w.Write(chunk[:min(n, len(chunk))])
			if err != nil {
				return
			}
			n -= wrote
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tls.NewListener(l, &tls.Config{
			Certificates: []tls.Certificate{certificate(b)}, MinVersion: tls.VersionTLS13,
		}))
	}()
	b.Cleanup(func() {
		server.Close()
		<-done
	})
}

func certificate(b *testing.B) tls.Certificate {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{ssmA.Addr().AsSlice()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// fabricPath leads through a tunnel of ours.
func fabricPath(b *testing.B, mtu int) dialer {
	b.Helper()
	l := bareHarness(b, fabric.Options{})
	listener, err := l.Listen("eni-ssm-a", 443)
	if err != nil {
		b.Fatal(err)
	}
	serve(b, listener)
	w, err := l.ListenWireGuard(b.Context(), fabric.WireGuardOptions{
		Address: netip.MustParseAddrPort("127.0.0.1:0"), PrivateKey: link.NewPrivateKey(), MTU: mtu,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { w.Close() })
	key, id := link.NewPrivateKey(), l.network.VPCs[0].ID
	if err := w.AddPeer(fabric.WireGuardPeer{
		PublicKey: key.Public(), Interface: vpctest.Node, VPC: id, Address: nodeAddress,
	}); err != nil {
		b.Fatal(err)
	}
	tn, err := tunnel.Dial(b.Context(), &tunnel.Config{
		Server: w.LocalAddr().String(), ServerKey: w.ServerKey(id), PrivateKey: key,
		Grant: link.Grant{
			VPC: id, Address: netip.PrefixFrom(nodeAddress, 24), Resolver: netip.MustParseAddr("10.0.0.2"), MTU: mtu,
		},
	}, tunnel.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { tn.Close() })
	return tn.DialContext
}
