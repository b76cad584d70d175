package guest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxMessage bounds a message in bytes: a boot's configuration is the largest.
	maxMessage = 1 << 20
	// maxFiles is how many files may come with a message; the kernel closes what is more.
	maxFiles = 32
)

// A channel carries messages between two of the processes that make an instance: each is a verb, a body, and files.
type channel struct {
	conn    *net.UnixConn
	sending sync.Mutex
}

// newChannel takes over a socket of the type SOCK_SEQPACKET.
func newChannel(socket *os.File) (*channel, error) {
	defer socket.Close()
	conn, err := net.FileConn(socket)
	if err != nil {
		return nil, err
	}
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errors.New("the socket is no UNIX socket"), conn.Close())
	}
	return &channel{conn: unixConn}, nil
}

// channelPair makes both ends, the second as a file for another process.
func channelPair() (*channel, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "control")
	ours, err := newChannel(os.NewFile(uintptr(fds[0]), "control"))
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

// message is one message of a channel.
type message struct {
	verb  string
	body  []byte
	files []*os.File
}

// close closes the files that nobody has taken.
func (m *message) close() {
	for _, f := range m.files {
		f.Close()
	}
	m.files = nil
}

// take hands out the only file of a message. Where there is another number of them, all are closed.
func (m *message) take() (*os.File, error) {
	if n := len(m.files); n != 1 {
		m.close()
		return nil, fmt.Errorf("the network interface did not arrive: %d files", n)
	}
	f := m.files[0]
	m.files = nil
	return f, nil
}

// receive waits for a message. Its files are the caller's, whatever the message says: one end of a channel may be an
// instance's, and what its root sends must not add up.
func (c *channel) receive(buf []byte) (message, error) {
	rights := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, rn, flags, _, err := c.conn.ReadMsgUnix(buf, rights)
	if err != nil {
		return message{}, err
	}
	files := received(rights[:rn])
	m, err := parseMessage(buf[:n])
	m.files = files
	if flags&unix.MSG_TRUNC != 0 {
		err = fmt.Errorf("a message of more than %d bytes", len(buf))
	}
	if err != nil {
		m.close()
		return message{}, err
	}
	return m, nil
}

// parseMessage splits a message into its verb and its body. An empty one is the end of the channel.
func parseMessage(text []byte) (message, error) {
	if len(text) == 0 {
		return message{}, net.ErrClosed
	}
	verb, body, _ := strings.Cut(string(text), " ")
	return message{verb: verb, body: []byte(body)}, nil
}

// received makes files of what came with a message. They are closed on exec already, and do not block.
func received(rights []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil // the kernel writes it, whoever sent
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // credentials, say
		}
		for _, fd := range fds {
			_ = unix.SetNonblock(fd, true) // one that cannot is of no use, and found out when it is used
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

// send sends a message and copies of files. It does not wait longer than answerTime for the other end.
func (c *channel) send(verb string, body []byte, files ...*os.File) error {
	text := []byte(verb)
	if len(body) > 0 {
		text = append(append(text, ' '), body...)
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
		for _, f := range files {
			_ = unix.SetNonblock(int(f.Fd()), true) // Fd turns that off
		}
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	_, _, err := c.conn.WriteMsgUnix(text, rights, nil)
	return err
}

func (c *channel) close() { c.conn.Close() }
