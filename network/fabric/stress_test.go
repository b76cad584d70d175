package fabric_test

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// Machines come, talk and go while the rules change and endpoints vanish and return. Nothing hangs, and in the end
// nothing is left.
func TestEverythingAtOnce(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	l := newHarness(t, fabric.Options{FlowLog: func([]fabric.Record) {}, FlowLogInterval: 10 * time.Millisecond})
	answer(t, l.Fabric)
	go func() {
		for {
			select {
			case <-l.accepted:
			case <-over:
				return
			}
		}
	}()
	full, bare := vpctest.Sample(), vpctest.Sample()
	bare.Endpoints = bare.Endpoints[1:]
	bare.Interfaces = append(bare.Interfaces[:2:2], bare.Interfaces[4:]...)
	barred := vpctest.Sample()
	barred.SecurityGroups[1].Rules = nil

	ctx, cancel := context.WithCancel(t.Context())
	talked := make(chan struct{})
	var machines sync.WaitGroup
	for eni, address := range map[string]netip.Addr{vpctest.Node: nodeAddress, vpctest.Attached: farAddress} {
		machines.Go(func() {
			for ctx.Err() == nil {
				n := fabrictest.NewNode(t, l.Fabric, eni, address, 1420)
				for range 5 {
					talk(ctx, n)
					select {
					case talked <- struct{}{}:
					case <-ctx.Done():
					}
				}
				n.Detach()
			}
		})
	}
	for i := range 60 {
		l.apply(func(n *vpc.Network) { *n = []vpc.Network{full, barred, full, bare}[i%4] })
		if i%4 == 0 && i > 0 {
			l.listen("eni-ssm-a")
		}
		<-talked
		<-talked
	}
	cancel()
	machines.Wait()
	if n := l.Stats().Flows; n != 0 {
		t.Errorf("%d flows are left", n)
	}
}

// talk makes a connection to the endpoint and asks the resolver; either may fail.
func talk(ctx context.Context, n *fabrictest.Node) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if c, err := n.DialTCP(ctx, netip.AddrPort{}, ssmA); err == nil {
		c.SetDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = c.Write([]byte("ping"))
		_, _ = io.ReadFull(c, make([]byte, 4))
		c.Close()
	}
	if u, err := n.DialUDP(netip.AddrPort{}, resolvers[0]); err == nil {
		u.SetDeadline(time.Now().Add(20 * time.Millisecond))
		_, _ = u.Write([]byte("query"))
		_, _ = u.Read(make([]byte, 100))
		u.Close()
	}
}
