package fabric_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/network/fabric"
	"postern/network/link"
	"postern/network/link/linktest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

const nodePort = 9000

func init() { roles["swallow"], roles["pour"], roles["bridged"] = swallow, pour, bridged }

// swallow accepts one connection, reads it to its end, and answers with a byte.
func swallow([]string) (any, error) {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(nodePort))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return serveOnce(l)
}

func serveOnce(l net.Listener) (int64, error) {
	c, err := l.Accept()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
	if err != nil {
		return n, err
	}
	_, err = c.Write([]byte{1})
	return n, err
}

// pour sends bytes over one connection and returns how many arrived per second.
func pour(args []string) (any, error) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return nil, err
	}
	var c net.Conn
	for deadline := time.Now().Add(10 * time.Second); ; { // until the other side listens
		if c, err = net.Dial("tcp", args[0]); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return nil, err
		}
	}
	defer c.Close()
	began := time.Now()
	chunk := make([]byte, 256<<10)
	for left := size; left > 0; left -= int64(len(chunk)) {
		if _, err := c.Write(chunk[:min(left, int64(len(chunk)))]); err != nil {
			return nil, err
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c, chunk[:1]); err != nil {
		return nil, err
	}
	return float64(size) / time.Since(began).Seconds(), nil
}

// bridged is pour and swallow in two network namespaces that the kernel joins, with the devices' MTU.
func bridged(args []string) (any, error) {
	runtime.LockOSThread()
	for _, step := range [][]string{
		{"link", "add", "near", "mtu", "9001", "type", "veth", "peer", "name", "far", "mtu", "9001"},
		{"addr", "add", nodeAddress.String() + "/16", "dev", "near"},
		{"link", "set", "near", "up"},
	} {
		if err := ip(step...); err != nil {
			return nil, err
		}
	}
	type opened struct {
		l   net.Listener
		err error
	}
	far, moved, ready := make(chan int), make(chan error), make(chan opened)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- opened{err: err}
			return
		}
		far <- unix.Gettid()
		err := errors.Join(
			<-moved, ip("addr", "add", farAddress.String()+"/16", "dev", "far"), ip("link", "set", "far", "up"),
		)
		if err != nil {
			ready <- opened{err: err}
			return
		}
		l, err := net.Listen("tcp", ":"+strconv.Itoa(nodePort))
		ready <- opened{l, err}
	}()
	select {
	case thread := <-far:
		moved <- ip("link", "set", "far", "netns", strconv.Itoa(thread))
	case o := <-ready:
		return nil, o.err
	}
	o := <-ready
	if o.err != nil {
		return nil, o.err
	}
	go func() { _, _ = serveOnce(o.l) }() // pour says what went wrong
	return pour(args)
}

// ip runs ip(8) in the network namespace of the calling thread.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}

// BenchmarkNodesOverTUN is one TCP stream from a node to another node of its VPC, each behind a TAP device, and beside
// it one between two namespaces that the kernel joins by a pair of virtual Ethernet devices.
func BenchmarkNodesOverTUN(b *testing.B) {
	if _, err := exec.LookPath("ip"); err != nil {
		b.Skip("the reference needs ip(8), of the package iproute2")
	}
	network := vpctest.Sample()
	network.SecurityGroups[0].Rules = append(network.SecurityGroups[0].Rules, vpc.Rule{
		ID: "sgr-nodes-in", Protocol: vpc.TCP, Ports: vpc.PortRange{From: nodePort, To: nodePort}, Group: vpctest.NodeGroup,
	})
	s, err := vpc.NewSnapshot(1, network)
	if err != nil {
		b.Fatal(err)
	}
	f := fabric.New(fabric.Options{})
	b.Cleanup(func() { f.Close() })
	f.Apply(s)
	const size = "1500000000"
	var over, beside float64
	n := 0
	for b.Loop() {
		beside += alone(b, "bridged", net.JoinHostPort(farAddress.String(), strconv.Itoa(nodePort)), size)
		over += between(b, f, size)
		n++
	}
	b.ReportMetric(over/float64(n)/1e6, "MB/s")
	b.ReportMetric(beside/float64(n)/1e6, "kernel-MB/s")
	b.ReportMetric(100*over/beside, "%")
	b.ReportMetric(0, "ns/op")
}

// between pours from the sample's node into the sample's attached machine.
func between(b *testing.B, f *fabric.Fabric, size string) (rate float64) {
	b.Helper()
	receiver, detach := plugged(b, f, vpctest.Attached, farAddress, "swallow")
	defer detach()
	sender, detach := plugged(
		b, f, vpctest.Node, nodeAddress, "pour", net.JoinHostPort(farAddress.String(), strconv.Itoa(nodePort)), size,
	)
	defer detach()
	var arrived int64
	if err := errors.Join(sender.Wait(&rate), receiver.Wait(&arrived)); err != nil {
		b.Fatal(err)
	}
	if strconv.FormatInt(arrived, 10) != size {
		b.Fatalf("%d bytes arrived of %s", arrived, size)
	}
	return rate
}

// plugged starts a child behind a TAP device that is an interface's link.
func plugged(
	b *testing.B, f *fabric.Fabric, eni string, address netip.Addr, role string, args ...string,
) (p *linktest.Process, detach func()) {
	b.Helper()
	device := link.Device{
		Name: "eth0", MAC: link.AttachedMAC(address), Address: netip.PrefixFrom(address, 24), MTU: 9001,
		Routes:  []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")},
		Gateway: netip.PrefixFrom(address, 24).Masked().Addr().Next(),
	}
	p, file := linktest.Start(b, device, role, args...)
	tun, err := link.NewTAP(file, device.MTU, device.MAC, device.Address)
	if err != nil {
		b.Fatal(err)
	}
	return p, f.Attach(eni, tun)
}

// alone runs a role in user and network namespaces of its own, without any device.
func alone(b *testing.B, role string, args ...string) (result float64) {
	b.Helper()
	if err := linktest.StartAlone(b, role, args...).Wait(&result); err != nil {
		b.Skipf("the reference needs namespaces and virtual Ethernet devices: %v", err)
	}
	return result
}
