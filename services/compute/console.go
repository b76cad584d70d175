package compute

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postern/aws/scope"
)

// ConsoleSize is how much of an instance's console is kept, in bytes: the end of it, as much as Amazon keeps.
const ConsoleSize = 64 << 10

// A console keeps the end of what an instance printed.
type console struct {
	file string
	now  func() time.Time

	mu   sync.Mutex
	text []byte // up to twice ConsoleSize
	at   time.Time
}

func openConsole(dir string, now func() time.Time) *console {
	c := &console{file: filepath.Join(dir, "console.log"), now: now}
	if info, err := os.Stat(c.file); err == nil {
		c.text, _ = os.ReadFile(c.file) // one that cannot be read begins anew
		c.at = info.ModTime()
	}
	return c
}

// Write adds to the console. It never fails.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, b...)
	if len(c.text) > 2*ConsoleSize {
		c.text = append(c.text[:0], c.text[len(c.text)-ConsoleSize:]...)
	}
	c.at = c.now()
	return len(b), nil
}

func (c *console) read() ([]byte, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.text[max(0, len(c.text)-ConsoleSize):]), c.at
}

// save writes the console where openConsole finds it.
func (c *console) save() error {
	text, _ := c.read()
	return os.WriteFile(c.file, text, 0o600)
}

// Console returns the end of what an instance's processes printed on its console, and when it last changed.
func (s *Service) Console(c scope.Scope, id string) ([]byte, time.Time, error) {
	i, err := s.find(s.replica.Tables(), c, id)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !s.runs(i) {
		return nil, time.Time{}, elsewhere(i)
	}
	text, at := s.machine(id).console.read()
	return text, at, nil
}
