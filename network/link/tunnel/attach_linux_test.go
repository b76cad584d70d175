package tunnel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"postern/aws/fault"
)

// childVariable makes the test binary a program that knows nothing of Postern: what it prints is what such a program
// sees.
const childVariable = "POSTERN_TEST_ATTACHED"

func child() {
	names, err := os.ReadFile("/etc/resolv.conf")
	fmt.Printf("resolv.conf: %q %v\n", names, err)
	interfaces, err := net.Interfaces()
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		fmt.Println("interface:", i.Name, i.MTU, addrs, err)
	}
	bundle, _ := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	fmt.Println("CA:", bytes.Contains(bundle, []byte("the server's certificate")))
	fmt.Println("user:", os.Getuid())
	c, err := net.DialTimeout("tcp", service+":443", 10*time.Second)
	if err != nil {
		fmt.Println("service:", err)
		return
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	fmt.Printf("service: seen as %q %v\n", line, err)
	c.Close()
	if _, err = net.DialTimeout("tcp", "93.184.215.14:443", 200*time.Millisecond); err != nil {
		fmt.Println("Internet: out of reach")
	}
	if _, err = net.DialTimeout("tcp", os.Getenv(childVariable), time.Second); err != nil {
		fmt.Println("host: out of reach")
	}
	os.Exit(3)
}

// attach runs a command attached, or skips the test where this host cannot.
func attach(t *testing.T, ctx context.Context, o AttachOptions) error {
	t.Helper()
	_, conf := world(t)
	err := Attach(ctx, conf, o)
	if fault.Is(err, fault.Unavailable) {
		t.Skip(err)
	}
	return err
}

func TestAttachedProgramSeesThePrivateNetwork(t *testing.T) {
	host, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	before, _ := os.ReadFile("/etc/resolv.conf")
	for name, own := range map[string]bool{"as it is": false, "user namespace": true} {
		for layer, dir := range map[string]string{"shared": "", "layer": t.TempDir()} {
			t.Run(name+", "+layer, func(t *testing.T) {
				var out bytes.Buffer
				err := attach(t, t.Context(), AttachOptions{
					Command: []string{os.Args[0]}, Env: append(os.Environ(), childVariable+"="+host.Addr().String()),
					Stdout: &out, Stderr: &out, userNamespace: own, Layer: dir,
				})
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != 3 {
					t.Errorf("%v, want exit status 3", err)
				}
				for _, want := range []string{
					`resolv.conf: "# written by postern attach\nnameserver 10.0.0.2\n" <nil>`,
					"interface: postern0 1420 [10.0.2.30/24] <nil>",
					`service: seen as "10.0.2.30\n" <nil>`,
					"Internet: out of reach",
					"host: out of reach",
					fmt.Sprintf("user: %d", os.Getuid()),
					fmt.Sprintf("CA: %t", hasBundle()),
				} {
					if !strings.Contains(out.String(), want+"\n") {
						t.Errorf("no line %q in\n%s", want, out.String())
					}
				}
			})
		}
	}
	if after, _ := os.ReadFile("/etc/resolv.conf"); !bytes.Equal(before, after) {
		t.Error("the host's resolv.conf has changed")
	}
}

func hasBundle() bool {
	for _, path := range caBundles {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	return false
}

func TestAttachFailsPlainly(t *testing.T) {
	_, conf := world(t)
	if err := Attach(t.Context(), conf, AttachOptions{}); !fault.Is(err, fault.Missing) {
		t.Errorf("without a command: %v", err)
	}
	err := attach(t, t.Context(), AttachOptions{Command: []string{"sh", "-c", "exit 7"}})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%v, want exit status 7", err)
	}
	err = Attach(t.Context(), conf, AttachOptions{Command: []string{"no-such-program"}})
	if !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), `"no-such-program"`) {
		t.Errorf("a program that does not exist: %v", err)
	}
}

func TestAttachEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		line, _ := bufio.NewReader(r).ReadString('\n')
		if line == "running\n" {
			cancel()
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	err := attach(t, ctx, AttachOptions{Command: []string{"sh", "-c", "echo running; exec sleep 600"}, Stdout: w})
	if err == nil || ctx.Err() == nil {
		t.Errorf("%v", err)
	}
}

// TestWhatAnAttachedCommandWritesStaysApart has a command change this machine's files, and look at its processes.
func TestWhatAnAttachedCommandWritesStaysApart(t *testing.T) {
	for name, own := range map[string]bool{"as it is": false, "user namespace": true} {
		t.Run(name, func(t *testing.T) {
			home, layer := t.TempDir(), t.TempDir()
			kept := home + "/kept"
			if err := os.WriteFile(kept, []byte("before\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			run := func(script string) string {
				var out bytes.Buffer
				err := attach(t, t.Context(), AttachOptions{
					Command: []string{"sh", "-c", script}, Stdout: &out, Stderr: &out, userNamespace: own, Layer: layer,
				})
				if err != nil {
					t.Errorf("%v\n%s", err, out.String())
				}
				return out.String()
			}
			got := run("cd " + home + " && cat kept && echo after > kept && echo x > made && rm -f gone && ls /proc | grep " +
				"-c '^[0-9]*$' | awk '{print ($1 < 8)}'")
			if got != "before\n1\n" {
				t.Errorf("the command says %q", got)
			}
			if text, err := os.ReadFile(kept); string(text) != "before\n" {
				t.Errorf("the file now holds %q, %v", text, err)
			}
			if _, err := os.Stat(home + "/made"); err == nil {
				t.Error("a file was made on this machine")
			}
			if got := run("cat " + kept + " " + home + "/made"); got != "after\nx\n" {
				t.Errorf("the next command finds %q", got)
			}
		})
	}
}

// TestNothingOutlivesAnAttachedCommand lets the command leave a process behind, and another attached one find it busy.
func TestNothingOutlivesAnAttachedCommand(t *testing.T) {
	layer := t.TempDir()
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	second := make(chan error, 1)
	go func() {
		_, _ = bufio.NewReader(r).ReadString('\n')
		_, conf := world(t)
		second <- Attach(t.Context(), conf, AttachOptions{Command: []string{"true"}, Layer: layer})
		cancel()
		_, _ = io.Copy(io.Discard, r)
	}()
	// Whoever is left holds the pipe, and Attach does not return.
	err := attach(t, ctx, AttachOptions{
		Command: []string{"sh", "-c", "setsid sh -c 'trap \"\" TERM; sleep 600' & echo running; wait"},
		Stdout:  w,
		Layer:   layer,
	})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 128+15 {
		t.Errorf("%v, want the exit status of a command that was asked to end", err)
	}
	if err := <-second; !fault.Is(err, fault.Conflict) {
		t.Errorf("a second command over the same layer: %v", err)
	}
}
