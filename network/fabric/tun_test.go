package fabric_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/link"
	"postern/network/link/linktest"
	"postern/network/vpc/vpctest"
)

// roles tells what this test's binary does behind a TAP device.
var roles = map[string]linktest.Role{"fetch": fetch, "connect": connect}

// fetch downloads or uploads bytes over one HTTPS connection, and returns how many per second.
func fetch(args []string) (any, error) {
	address, direction := args[0], args[1]
	size, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	move := func(size int64) error {
		method, body := http.MethodGet, io.Reader(nil)
		if direction == "up" {
			method, body = http.MethodPost, io.LimitReader(endless{}, size)
		}
		request, err := http.NewRequest(method, "https://"+address+"/"+strconv.FormatInt(size, 10), body)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		n, err := io.Copy(io.Discard, response.Body)
		if err == nil && direction == "down" && n != size {
			err = fmt.Errorf("%d bytes of %d", n, size)
		}
		return err
	}
	if err := move(1 << 20); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := move(size); err != nil {
		return nil, err
	}
	return float64(size) / time.Since(began).Seconds(), nil
}

// connect opens connections one after another on several goroutines for a while, each with a TLS handshake, and returns
// how many per second.
func connect(args []string) (any, error) {
	const workers, lasting = 16, 2 * time.Second
	began := time.Now()
	var wait sync.WaitGroup
	counts, errs := make([]int, workers), make([]error, workers)
	for i := range workers {
		wait.Go(func() {
			for time.Since(began) < lasting && errs[i] == nil {
				c, err := tls.Dial("tcp", args[0], &tls.Config{InsecureSkipVerify: true})
				if err == nil {
					c.Close()
				}
				counts[i]++
				errs[i] = err
			}
		})
	}
	wait.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(began).Seconds(), errors.Join(errs...)
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// server answers GET /N with N bytes, and reads what is posted.
func server(t testing.TB, listeners ...net.Listener) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			size, _ := strconv.ParseInt(r.URL.Path[1:], 10, 64)
			if r.Method == http.MethodPost {
				_, _ = io.Copy(io.Discard, r.Body)
				return
			}
			_, _ = io.CopyN(w, endless{}, size)
		}),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13,
			NextProtos: []string{"http/1.1"},
		},
	}
	for _, l := range listeners {
		go func() { _ = s.ServeTLS(l, "", "") }()
	}
	t.Cleanup(func() { s.Close() })
}

// tunnelled starts a child with a role on the sample's node, behind a TAP device, and returns its result.
func tunnelled(t testing.TB, f *fabric.Fabric, role string, args ...string) float64 {
	device := link.Device{
		Name: "eth0", MAC: link.AttachedMAC(nodeAddress), Address: netip.PrefixFrom(nodeAddress, 24), MTU: 9001,
		Routes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, Gateway: netip.MustParseAddr("10.0.1.1"),
	}
	p, file := linktest.Start(t, device, role, args...)
	tun, err := link.NewTAP(file, device.MTU, device.MAC, device.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Attach(vpctest.Node, tun)()
	var result float64
	if err := p.Wait(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

func plain(t testing.TB, role string, args ...string) float64 {
	var result float64
	if err := linktest.StartPlain(t, role, args...).Wait(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

// served is the sample network on a fabric, with the server at the ssm endpoint and on plain loopback.
func served(t testing.TB) (f *fabric.Fabric, loopback string) {
	l := bareHarness(t, fabric.Options{})
	at, err := l.Listen("eni-ssm-a", 443)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server(t, at, beside)
	return l.Fabric, beside.Addr().String()
}

func TestHTTPSOverTUN(t *testing.T) {
	f, _ := served(t)
	for _, direction := range []string{"down", "up"} {
		if tunnelled(t, f, "fetch", ssmA.String(), direction, "10000000") <= 0 {
			t.Error("nothing came")
		}
	}
	s := f.Stats()
	if size := s.Bytes / s.Packets; size < 2000 {
		t.Errorf("%d bytes in a packet: large segments do not cross whole", size)
	}
}

// One HTTPS connection from a process behind a TAP device to an endpoint, and the same over plain loopback.
func BenchmarkHTTPSOverTUN(b *testing.B) {
	f, loopback := served(b)
	const size = "1500000000"
	for _, direction := range []string{"down", "up"} {
		b.Run(direction, func(b *testing.B) {
			var over, beside float64
			n := 0
			for b.Loop() {
				beside += plain(b, "fetch", loopback, direction, size)
				over += tunnelled(b, f, "fetch", ssmA.String(), direction, size)
				n++
			}
			b.ReportMetric(over/float64(n)/1e6, "MB/s")
			b.ReportMetric(beside/float64(n)/1e6, "loopback-MB/s")
			b.ReportMetric(100*over/beside, "%")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// New TCP and TLS connections, 16 at once.
func BenchmarkConnectOverTUN(b *testing.B) {
	f, loopback := served(b)
	var over, beside float64
	n := 0
	for b.Loop() {
		beside += plain(b, "connect", loopback)
		over += tunnelled(b, f, "connect", ssmA.String())
		n++
	}
	b.ReportMetric(over/float64(n), "conn/s")
	b.ReportMetric(beside/float64(n), "loopback-conn/s")
	b.ReportMetric(100*over/beside, "%")
	b.ReportMetric(0, "ns/op")
}
