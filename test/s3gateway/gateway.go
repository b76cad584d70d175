// Package s3gateway is an S3 service elsewhere, for tests: github.com/versity/versitygw as it is, in a process of its
// own on loopback, with a directory and a key of its own.
package s3gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"

	"postern/test/ports"
)

// arg0 is how the test's program knows what it is.
const arg0 = "postern-test-s3gateway"

// The gateway's only key, and its region.
const (
	AccessKey = "elsewhere"
	Secret    = "secret-of-elsewhere"
	Region    = "eu-central-1"
)

// InitMain must be among the first things that TestMain calls.
func InitMain() {
	if len(os.Args) == 3 && os.Args[0] == arg0 {
		fmt.Fprintln(os.Stderr, serve(os.Args[1], os.Args[2]))
		os.Exit(1)
	}
}

func serve(dir, address string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // the end is what matters
		os.Exit(0)
	}()
	objects, versions := filepath.Join(dir, "objects"), filepath.Join(dir, "versions")
	if err := errors.Join(os.MkdirAll(objects, 0o700), os.MkdirAll(versions, 0o700)); err != nil {
		return err
	}
	b, err := posix.New(objects, meta.XattrMeta{}, posix.PosixOpts{
		VersioningDir: versions, CopyObjectThreshold: 5 << 30, Concurrency: 16, ForceNoObjLockFile: true,
	})
	if err != nil {
		return err
	}
	api, err := s3api.New(
		b, middlewares.RootUserConfig{Access: AccessKey, Secret: Secret}, Region,
		auth.NewIAMServiceSingle(auth.Account{}), nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithDisableACL(), s3api.WithMpMaxParts(10_000),
		s3api.WithConcurrencyLimiter(1024, 1024),
		s3api.WithOnListen(func() { _, _ = os.Stdout.WriteString("ready\n") }),
	)
	if err != nil {
		return err
	}
	return api.ServeMultiPort([]string{address})
}

// Gateway is a gateway that runs, or has been stopped.
type Gateway struct {
	// URL is where it answers. Dir holds it all: objects/BUCKET/KEY is a file.
	URL, Dir string

	t       testing.TB
	address string
	cmd     *exec.Cmd
	input   io.Closer
}

// New starts a gateway, which ends with the test.
func New(t testing.TB) *Gateway {
	t.Helper()
	address, err := ports.Free()
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{URL: "http://" + address, Dir: t.TempDir(), t: t, address: address}
	g.Start()
	t.Cleanup(g.Stop)
	return g
}

// Start starts it at its address, again after Stop, and waits until it answers.
func (g *Gateway) Start() {
	g.t.Helper()
	g.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{arg0, g.Dir, g.address}, Stderr: os.Stderr}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if g.input, err = g.cmd.StdinPipe(); err != nil {
		g.t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	for said := bufio.NewScanner(out); ; {
		if !said.Scan() {
			g.t.Fatalf("the gateway ends: %v", said.Err())
		}
		if said.Text() == "ready" {
			return
		}
	}
}

// Stop ends it at once.
func (g *Gateway) Stop() {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
	g.input.Close()
	g.cmd = nil
}
