package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"postern/aws/sigv4"
	"postern/bench/swarming"
)

// keyBits is the size of the keys that the agent makes.
const keyBits = 2048

// A swarm is many agents.
type swarm struct {
	swarming.Orders
	roots *x509.CertPool
	// public and private are the key pair of all, as registrations have it.
	public, private string
	tally           tally
	running         sync.WaitGroup
}

// run takes orders, follows them and counts whenever it is asked, until in ends.
func run(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := bufio.NewReader(in)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the orders: %w", err)
	}
	s := new(swarm)
	if err := json.Unmarshal(first, &s.Orders); err != nil {
		return fmt.Errorf("read the orders: %w", err)
	}
	if err := s.prepare(); err != nil {
		return err
	}
	s.running.Go(func() { s.release(ctx) })
	answers := json.NewEncoder(out)
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			cancel()
			s.running.Wait()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		if err := answers.Encode(s.tally.count()); err != nil {
			return err
		}
	}
}

// prepare makes what the agents share.
func (s *swarm) prepare() error {
	text, err := os.ReadFile(s.CA)
	if err != nil {
		return err
	}
	s.roots = x509.NewCertPool()
	if !s.roots.AppendCertsFromPEM(text) {
		return fmt.Errorf("%s holds no certificate", s.CA)
	}
	s.public, s.private, err = keyPair()
	return err
}

// keyPair makes a key pair as a registration has it.
func keyPair() (public, private string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return "", "", err
	}
	if public, err = sigv4.FormatPublicKey(&key.PublicKey); err != nil {
		return "", "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return public, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

// release starts the agents in their order, no more at once than are allowed to be on their way.
func (s *swarm) release(ctx context.Context) {
	places := make(chan struct{}, max(1, s.Abreast))
	n := 0
	for _, a := range s.Activations {
		for range a.Limit {
			if n == s.Agents {
				return
			}
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				return
			}
			number := n
			there := sync.OnceFunc(func() { <-places })
			s.running.Go(func() {
				defer there()
				s.live(ctx, number, a, there)
			})
			n++
		}
	}
	if n < s.Agents {
		s.tally.fail(fmt.Errorf("the activations let in %d of %d agents", n, s.Agents))
	}
}
