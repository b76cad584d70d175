package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/network/dns"
	"postern/network/fabric"
	"postern/network/link"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

func TestMain(m *testing.M) {
	InitMain()
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

const service = "ssm.us-east-1.amazonaws.com"

// world is the sample network with its resolver, and an endpoint that echoes.
func world(t testing.TB) (*fabric.WireGuard, *Config) {
	t.Helper()
	f := fabric.New(fabric.Options{})
	network := vpctest.Sample()
	snapshot, err := vpc.NewSnapshot(1, network)
	if err != nil {
		t.Fatal(err)
	}
	f.Apply(snapshot)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	server := dns.New(dns.Options{Snapshot: func() *vpc.Snapshot { return snapshot }})
	datagrams, connections := f.Resolver()
	go func() { served <- server.Serve(ctx, datagrams, connections) }()
	t.Cleanup(func() {
		cancel()
		f.Close()
		<-served
	})
	for _, eni := range []string{"eni-ssm-a", "eni-ssm-b"} {
		l, err := f.Listen(eni, 443)
		if err != nil {
			t.Fatal(err)
		}
		go echo(l)
	}
	w, err := f.ListenWireGuard(t.Context(), fabric.WireGuardOptions{
		Address: netip.MustParseAddrPort("127.0.0.1:0"), PrivateKey: link.NewPrivateKey(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	key := link.NewPrivateKey()
	address := netip.MustParsePrefix("10.0.2.30/24")
	if err := w.AddPeer(fabric.WireGuardPeer{
		PublicKey: key.Public(), Interface: vpctest.Attached, VPC: vpctest.VPC, Address: address.Addr(),
	}); err != nil {
		t.Fatal(err)
	}
	return w, &Config{
		Server: w.LocalAddr().String(), ServerKey: w.ServerKey(vpctest.VPC), PrivateKey: key,
		Grant: link.Grant{
			Account: "000000000000", Region: "us-east-1", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Interface: vpctest.Attached,
			Address:  address,
			Routes:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
			Resolver: snapshot.ResolverAddress(vpctest.VPC),
			MTU:      fabric.DefaultWireGuardMTU, CA: []byte("# the server's certificate\n"),
		},
	}
}

// echo answers each connection with the sender's address, and then with what it reads.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.WriteString(c, c.RemoteAddr().(*net.TCPAddr).IP.String()+"\n") // a client that is gone does not matter
			_, _ = io.Copy(c, c)
		}()
	}
}

func TestNodeReachesServiceByName(t *testing.T) {
	_, conf := world(t)
	tn, err := Dial(t.Context(), conf, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tn.Close()
	c, err := tn.DialContext(t.Context(), "tcp", service+":443")
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("10.0.2.30\n"))
	if _, err := io.ReadFull(c, line); err != nil || string(line) != "10.0.2.30\n" {
		t.Errorf("the endpoint saw %q, %v", line, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if len(tn.conns) != 0 {
		t.Error("a closed connection is kept")
	}
	if addrs, err := tn.LookupHost(t.Context(), service); err != nil || len(addrs) != 2 {
		t.Errorf("LookupHost = %v, %v", addrs, err)
	}
}

// What is not on the private network is not to be found, and not to be reached.
func TestNodeReachesNothingElse(t *testing.T) {
	_, conf := world(t)
	tn, err := Dial(t.Context(), conf, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tn.Close()
	for _, address := range []string{"93.184.215.14:443", "127.0.0.1:22", "10.0.1.10:22", "example.com:443",
		"s3.us-east-1.amazonaws.com:443"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		c, err := tn.DialContext(ctx, "tcp", address)
		if err == nil {
			c.Close()
			t.Errorf("%s was reached", address)
		}
		cancel()
	}
}

func TestDialContextRefuses(t *testing.T) {
	_, conf := world(t)
	tn, err := Dial(t.Context(), conf, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tn.Close()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, network, address string
		ctx                    context.Context
		want                   error
	}{
		{"no port", "tcp", "10.0.1.10", t.Context(), nil},
		{"port that is no number", "tcp", "10.0.1.10:https", t.Context(), nil},
		{"name that is none", "tcp", string(make([]byte, 300)) + ":443", t.Context(), nil},
		{"unknown network", "unix", "10.0.1.10:443", t.Context(), net.UnknownNetworkError("unix")},
		{"cancelled", "tcp", service + ":443", cancelled, context.Canceled},
	} {
		_, err := tn.DialContext(tt.ctx, tt.network, tt.address)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
