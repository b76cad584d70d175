package embedded

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

const (
	// ProgramName is the name of the program, and how it is called.
	ProgramName = "postern-s3"
	// ControlFD is the process's end of the socket pair, DirFD the directory.
	ControlFD = 3
	DirFD     = 4
	// SocketName is the name of the socket in the directory.
	SocketName = "socket"
	// Region is that of the process's own signatures.
	Region = "us-east-1"
	// startTime is how long a process may take to start. It waits for one that has not quite ended.
	startTime = 30 * time.Second
	// maxSaid is how much of what the process prints is kept, in bytes.
	maxSaid = 4 << 10
	// maxIdle is how many connections are kept for the next requests.
	maxIdle = 64
)

// Order tells the process what it has to do when it begins, as a line of JSON.
type Order struct{ Dir, AccessKey, Secret string }

// process is one process of a Store.
type process struct {
	key       sigv4.Credentials
	cmd       *exec.Cmd
	control   *os.File // its end ends the process
	dir       *os.File // locked, by the process too
	transport *http.Transport
	said      *tail
	done      chan struct{} // closed when the process has ended
	err       error         // why, once done is closed
}

// start starts a process, and returns when it takes requests.
func start(ctx context.Context, dir, program string) (*process, error) {
	if err := Check(program); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	locked, err := lock(ctx, dir)
	if err != nil {
		return nil, err
	}
	p := &process{
		key: sigv4.Credentials{AccessKey: "postern-" + rand.Text(), Secret: rand.Text() + rand.Text()},
		dir: locked, said: &tail{}, done: make(chan struct{}),
	}
	p.transport = &http.Transport{
		DialContext: p.dial, MaxIdleConnsPerHost: maxIdle, DisableCompression: true,
		WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
	}
	if err := p.spawn(dir, program); err != nil {
		locked.Close()
		return nil, err
	}
	if err := p.begin(ctx, dir); err != nil {
		p.close()
		return nil, fmt.Errorf("%w %s", err, p.said)
	}
	return p, nil
}

// Check says what is wrong with the path of the program, and what to do about it.
func Check(program string) error {
	info, err := os.Stat(program)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0:
		return nil
	case err == nil:
		err = errors.New("it is no program")
	}
	return fmt.Errorf("the program %s, which keeps objects: %w: put %s beside postern (make build does), or name it in "+
		"POSTERN_S3", program, err, ProgramName)
}

// lock opens the directory and locks it. The lock is the process's too: the next one waits until this one has ended.
func lock(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return f, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("another process has the directory %s: %w", dir, err)
		}
	}
}

func (p *process) spawn(dir, program string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket pair: %w", err)
	}
	p.control = os.NewFile(uintptr(pair[0]), "control")
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	p.cmd = &exec.Cmd{
		Path: program, Args: []string{ProgramName}, Env: []string{}, Dir: dir, Stdout: p.said, Stderr: p.said,
		ExtraFiles: []*os.File{theirs, p.dir}, SysProcAttr: attributes(),
	}
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, p.control.Close())
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return nil
}

// begin tells the process its order, and waits until it says that it is ready.
func (p *process) begin(ctx context.Context, dir string) error {
	text, err := json.Marshal(Order{Dir: dir, AccessKey: p.key.AccessKey, Secret: p.key.Secret})
	if err != nil {
		return err
	}
	if _, err := p.control.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("tell it its key: %w", err)
	}
	said := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(p.control, make([]byte, 1))
		said <- err
	}()
	select {
	case err := <-said:
		if err != nil {
			return fmt.Errorf("it ended at its start: %w", err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("it is not ready: %w", ctx.Err())
	}
}

// dial connects to the process's socket, whatever the length of its path.
func (p *process) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", p.dir.Fd(), SocketName))
}

// do sends a request. An error is a fault of the request or of its body, or says that the connection broke.
func (p *process) do(req *http.Request, body io.ReadCloser, now time.Time) (*http.Response, error) {
	out, err := prepare(req, body, p.key, now)
	if err != nil {
		return nil, err
	}
	answer, err := p.transport.RoundTrip(out)
	var own *fault.Error
	switch {
	case err == nil:
		return answer, nil
	case errors.As(err, &own):
		return nil, err
	}
	return nil, broken(err)
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// why says why the process has ended, if it has.
func (p *process) why() error {
	if !p.ended() {
		return errors.New("it does not take connections")
	}
	return fmt.Errorf("%w %s", p.err, p.said)
}

// close ends the process, and waits for it.
func (p *process) close() {
	p.transport.CloseIdleConnections()
	p.control.Close()
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // what was acknowledged is on the disk
		<-p.done
	}
	p.dir.Close()
}

// tail keeps the last of what is written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - maxSaid; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
