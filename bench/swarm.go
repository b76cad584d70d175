package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"postern/bench/swarming"
)

// Swarms are the processes of simulated agents.
type swarms struct {
	all    []*member
	agents int
}

// member is one process.
type member struct {
	*process
	in  io.WriteCloser
	out *json.Decoder
}

// release builds the swarm's program and starts processes that share the orders.
func (b *bench) release(ctx context.Context, orders swarming.Orders, processes int) (*swarms, error) {
	program := filepath.Join(b.tmp, "swarm")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./test/swarm").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the swarm: %w: %s", err, tail(out))
	}
	all := &swarms{agents: orders.Agents}
	for _, share := range orders.Share(processes) {
		m, err := b.member(program, share)
		if err != nil {
			all.stop()
			return nil, err
		}
		all.all = append(all.all, m)
	}
	return all, nil
}

func (b *bench) member(program string, share swarming.Orders) (*member, error) {
	var err error
	if share.Dir, err = b.directory("swarm"); err != nil {
		return nil, err
	}
	in, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := b.start("swarm", in, tell, program)
	in.Close()
	tell.Close()
	if err != nil {
		return nil, err
	}
	m := &member{process: p, in: hold, out: json.NewDecoder(bufio.NewReader(out))}
	if err := json.NewEncoder(hold).Encode(share); err != nil {
		p.stop()
		return nil, err
	}
	return m, nil
}

// stop ends the swarms.
func (s *swarms) stop() {
	for _, m := range s.all {
		m.in.Close()
	}
	for _, m := range s.all {
		m.stop()
	}
}

// count asks all swarms how they are doing.
func (s *swarms) count() (swarming.Count, error) {
	var sum swarming.Count
	for _, m := range s.all {
		if _, err := fmt.Fprintln(m.in); err != nil {
			return sum, errors.Join(err, m.ended())
		}
		var c swarming.Count
		if err := m.out.Decode(&c); err != nil {
			return sum, errors.Join(err, m.ended())
		}
		sum.Add(c)
	}
	if sum.Fatal != "" {
		return sum, errors.New("swarm: " + sum.Fatal)
	}
	return sum, nil
}

// gathered waits until every agent's control channel is open.
func (b *bench) gathered(ctx context.Context, s *swarms) error {
	said := time.Now()
	var last swarming.Count
	err := until(ctx, 20*time.Millisecond, func() (bool, error) {
		c, err := s.count()
		last = c
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			b.say("  %d of %d channels open, %d registered; troubles %d %s", c.Open, s.agents, c.Registered, c.Troubles,
				c.Trouble)
		}
		return c.Open == s.agents, err
	})
	if err != nil {
		return fmt.Errorf("%d of %d control channels open, %d registered, %d upgrades refused, last trouble %q: %w",
			last.Open, s.agents, last.Registered, last.Refused, last.Trouble, err)
	}
	return nil
}
