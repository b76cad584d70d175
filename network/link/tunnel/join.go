package tunnel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"postern/aws/fault"
	"postern/network/link"
	"postern/network/link/datagram"
)

const (
	// DefaultPort is WireGuard's usual one; JoinConfig.Server may leave it out.
	DefaultPort = "51820"

	joinRetry   = 500 * time.Millisecond // doubled each time, up to
	joinRetries = 4 * time.Second
	joinPatient = 30 * time.Second
	// sayAfter says how long the server's first answer may take before the user is told that it is awaited.
	sayAfter = 3 * time.Second
)

// JoinConfig says whom to ask, and how to prove that one may come in.
type JoinConfig struct {
	// Server is HOST:PORT (UDP), or HOST for DefaultPort.
	Server string
	// Activation and Code are what CreateActivation returned.
	Activation, Code string
	// Subnet is the subnet wanted, "subnet-…"; empty leaves it to the activation.
	Subnet string
	// Hostname is the node's name; empty is the host's.
	Hostname string
	// PrivateKey is the node's; zero makes a new one. Joining again with the same key gives the same place.
	PrivateKey link.PrivateKey
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Waiting, where it is set, is called once if 3 s have passed without an answer, with what to tell the user.
	Waiting func(why string)
}

// noAnswer says what may be wrong where a server does not answer.
func noAnswer(server netip.AddrPort) string {
	why := "is the address right, the server up, and UDP port %d open on the way?"
	if !server.Addr().IsLoopback() {
		why += " (postern up listens on loopback unless --wireguard says otherwise)"
	}
	return fmt.Sprintf("no answer from %s (UDP): "+why, server, server.Port())
}

// Join asks the server to let this machine in. Without a deadline in ctx it gives up after 30 s. Errors have a kind:
// fault.Unauthenticated for an activation or code that is not right, fault.Unavailable where no server answers, and
// otherwise the server's own (fault.Conflict: expired or used up).
func Join(ctx context.Context, c JoinConfig) (*Config, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, joinPatient)
		defer cancel()
	}
	j := joining{JoinConfig: c, key: link.DeriveJoinKey(c.Activation, c.Code)}
	server, err := resolveServer(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	j.server = server
	if j.sock, err = datagram.Listen(ctx, localFor(server)); err != nil {
		return nil, err
	}
	answers := make(chan answer)
	reading := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(reading)
		j.read(answers, stop)
	}()
	defer func() {
		close(stop)
		_ = j.sock.Close() // ends read; nothing is left to be sent
		<-reading
	}()
	return j.run(ctx, answers)
}

// complete fills in what may be left out.
func (c *JoinConfig) complete() error {
	if c.Code == "" {
		return fault.New(fault.Missing, "tunnel.Join", "code: must not be empty")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Hostname == "" {
		c.Hostname = hostname()
	}
	if c.PrivateKey.IsZero() {
		c.PrivateKey = link.NewPrivateKey()
	}
	if _, _, err := net.SplitHostPort(c.Server); err != nil {
		c.Server = net.JoinHostPort(c.Server, DefaultPort)
	}
	r := link.JoinRequest{
		Activation: c.Activation, PublicKey: c.PrivateKey.Public(), Subnet: c.Subnet, Hostname: c.Hostname,
	}
	return r.Validate()
}

// hostname is the host's name, or nothing where that is none that can be sent.
func hostname() string {
	name, err := os.Hostname()
	r := link.JoinRequest{Activation: "a", PublicKey: link.PublicKey{1}, Hostname: name}
	if err != nil || r.Validate() != nil {
		return ""
	}
	return name
}

// joining is one exchange with a server.
type joining struct {
	JoinConfig
	key    []byte
	server netip.AddrPort
	sock   *datagram.Socket

	nonce [link.NonceSize]byte // of the request that was sent last
	ca    []byte
	caSum [sha256.Size]byte
	// rejected is the first refusal that gave no reason.
	rejected *link.Refusal
}

// answer holds what came back and can be trusted as far as it says.
type answer struct {
	reply   *link.JoinReply
	refusal *link.Refusal
}

// read hands on what can be an answer until the socket is closed.
func (j *joining) read(answers chan<- answer, stop <-chan struct{}) {
	buf := make([]byte, datagram.RunSize)
	for {
		run, err := j.sock.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || run.Remote.Port() != j.server.Port() {
			continue
		}
		reply, refusal, err := link.ParseJoinAnswer(buf[:min(run.Size, run.Each)], j.key)
		if err != nil {
			continue // a stranger's
		}
		select {
		case answers <- answer{reply, refusal}:
		case <-stop:
			return
		}
	}
}

// run asks, and asks again when no answer comes, until it has the grant and the whole CA bundle.
func (j *joining) run(ctx context.Context, answers <-chan answer) (*Config, error) {
	if j.Waiting != nil {
		late := time.AfterFunc(sayAfter, func() { j.Waiting(noAnswer(j.server) + "; still trying") })
		defer late.Stop()
	}
	for wait := joinRetry; ; {
		if err := j.ask(); err != nil && ctx.Err() == nil {
			return nil, fault.New(fault.Unavailable, "tunnel.Join", "send to %s: %w", j.server, err)
		}
		reply, err := j.await(ctx, wait, answers)
		switch {
		case err != nil:
			return nil, err
		case reply == nil:
			wait = min(2*wait, joinRetries)
			continue
		}
		if c := j.take(reply); c != nil {
			return c, nil
		}
		wait = joinRetry
	}
}

// await waits for the answer to the request that was sent last. It returns neither reply nor error when it is time to
// ask again.
func (j *joining) await(ctx context.Context, wait time.Duration, answers <-chan answer) (*link.JoinReply, error) {
	retry := time.NewTimer(wait)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, j.gaveUp(ctx)
		case <-retry.C:
			return nil, nil
		case a := <-answers:
			if a.reply != nil && a.reply.Nonce == j.nonce {
				return a.reply, nil
			}
			if a.refusal == nil || a.refusal.Nonce != j.nonce {
				continue
			}
			// Anybody on the way can say no without a reason. It is believed when it is said to the next request too: by
			// then the server has had the time to say more.
			if a.refusal.Authenticated || j.rejected != nil {
				return nil, a.refusal.Err()
			}
			j.rejected = a.refusal
		}
	}
}

// ask sends a request for the grant, and for the part of the CA bundle that is missing.
func (j *joining) ask() error {
	rand.Read(j.nonce[:]) // never returns an error (crypto/rand)
	r := link.JoinRequest{
		Activation: j.Activation, PublicKey: j.PrivateKey.Public(), Time: j.Now(), Nonce: j.nonce,
		Subnet: j.Subnet, Hostname: j.Hostname, CAOffset: uint32(len(j.ca)),
	}
	return j.sock.Write([][]byte{r.Marshal(j.key)}, datagram.Path{Remote: j.server})
}

// take adds a reply's piece of the CA bundle, and returns the configuration once it is whole.
func (j *joining) take(r *link.JoinReply) *Config {
	if j.caSum != r.CASum || int(r.CAOffset) != len(j.ca) {
		j.ca, j.caSum = nil, r.CASum // the server's bundle changed meanwhile
		if r.CAOffset != 0 {
			return nil
		}
	}
	j.ca = append(j.ca, r.CA...)
	if len(j.ca) < int(r.CASize) {
		return nil
	}
	if sha256.Sum256(j.ca) != r.CASum {
		j.ca = nil
		return nil
	}
	c := &Config{Server: j.Server, ServerKey: r.ServerKey, PrivateKey: j.PrivateKey, Grant: r.Grant}
	c.Grant.CA = j.ca
	return c
}

func (j *joining) gaveUp(ctx context.Context) error {
	if j.rejected != nil {
		return j.rejected.Err()
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fault.New(fault.Unavailable, "tunnel.Join", "%s", noAnswer(j.server))
}

// resolveServer looks a server's name up on the host: it is outside the private network.
func resolveServer(ctx context.Context, server string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(server)
	if err != nil {
		return netip.AddrPort{}, fault.New(fault.Invalid, "tunnel.Join", "server: %q is not HOST:PORT", server)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fault.New(fault.Invalid, "tunnel.Join", "server: %q is no UDP port", service)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		return netip.AddrPort{}, fault.New(fault.Unavailable, "tunnel.Join", "server: look up %q: %w", host, err)
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(port)), nil
}

// localFor returns where to listen to be able to talk to server: loopback if the server is there.
func localFor(server netip.AddrPort) netip.AddrPort {
	a := server.Addr()
	switch {
	case a.IsLoopback() && a.Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	case a.IsLoopback():
		return netip.AddrPortFrom(netip.IPv6Loopback(), 0)
	case a.Is4():
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
}
