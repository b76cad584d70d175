package fabric_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"

	"postern/network/link"
)

func cpuTime() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// kernelPath leads through two network namespaces joined by wireguard-go, each with its own TAP device and kernel
// TCP/IP. It needs the privilege to make namespaces.
func kernelPath(b *testing.B, mtu int) dialer {
	b.Helper()
	server, client := link.NewPrivateKey(), link.NewPrivateKey()
	far := newHost(b, netip.PrefixFrom(ssmA.Addr(), 16), mtu)
	near := newHost(b, netip.PrefixFrom(nodeAddress, 16), mtu)
	port := far.up(b, server, client, nodeAddress, "")
	near.up(b, client, server, ssmA.Addr(), "127.0.0.1:"+port)
	listener, err := inside(far.namespace, func() (net.Listener, error) { return net.Listen("tcp", ssmA.String()) })
	if err != nil {
		b.Fatal(err)
	}
	serve(b, listener)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return inside(near.namespace, func() (net.Conn, error) { return new(net.Dialer).DialContext(ctx, network, address) })
	}
}

const hostInterface = "wg0"

// host is a network namespace with a TAP device.
type host struct {
	namespace *os.File
	tun       tun.Device
}

func newHost(b *testing.B, addr netip.Prefix, mtu int) *host {
	b.Helper()
	type result struct {
		h   *host
		err error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its namespace with the files
		h, err := makeHost(addr, mtu)
		made <- result{h, err}
	}()
	r := <-made
	if r.err != nil {
		b.Skipf("the reference needs root or a user namespace (unshare -Ur): %v", r.err)
	}
	b.Cleanup(func() { r.h.namespace.Close() })
	return r.h
}

func makeHost(addr netip.Prefix, mtu int) (*host, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	namespace, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	t, err := tun.CreateTUN(hostInterface, mtu)
	if err != nil {
		return nil, err
	}
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(sock)
	mask := net.CIDRMask(addr.Bits(), 32)
	for _, step := range []struct {
		request uint
		set     func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(addr.Addr().AsSlice()) }},
		{unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(mask) }},
		{unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }},
	} {
		r, err := unix.NewIfreq(hostInterface)
		if err == nil {
			err = step.set(r)
		}
		if err == nil {
			err = unix.IoctlIfreq(sock, step.request, r)
		}
		if err != nil {
			return nil, fmt.Errorf("set up %s: %w", hostInterface, err)
		}
	}
	return &host{namespace: namespace, tun: t}, nil
}

// up starts wireguard-go, whose socket is outside, and returns its port.
func (h *host) up(b *testing.B, own, other link.PrivateKey, allowed netip.Addr, endpoint string) string {
	b.Helper()
	dev, err := inside(h.namespace, func() (*device.Device, error) {
		return device.NewDevice(h.tun, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, "")), nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(dev.Close)
	config := "private_key=" + hex.EncodeToString(own[:]) + "\npublic_key=" + other.Public().Hex() + "\nallowed_ip=" +
		allowed.String() + "/32\n"
	if endpoint != "" {
		config += "endpoint=" + endpoint + "\n"
	}
	if err := dev.IpcSet(config); err != nil {
		b.Fatal(err)
	}
	if err := dev.Up(); err != nil {
		b.Fatal(err)
	}
	var port string
	text, err := dev.IpcGet()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if p, ok := strings.CutPrefix(strings.TrimSpace(line), "listen_port="); ok {
			port = p
		}
	}
	return port
}

// inside calls f on a thread that is in a network namespace: the sockets that f makes stay there.
func inside[T any](namespace *os.File, f func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not to be used for anything else
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			var none T
			done <- result{none, err}
			return
		}
		v, err := f()
		done <- result{v, err}
	}()
	r := <-done
	return r.v, r.err
}
