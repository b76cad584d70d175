// Command gobuild runs `go build` with the arguments it is given, the last of which are packages, and prints now
// and then how far it is: a first build compiles hundreds of packages, and go build says nothing meanwhile. What else
// go build says is passed on. It exits as go build does.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const interval = 3 * time.Second

// patience counts the ticks without news after which it is said again that the build goes on.
const patience = 10

func main() {
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, ticks.C))
}

func run(args []string, stdout, stderr io.Writer, ticks <-chan time.Time) int {
	// The list downloads what is missing, of which go tells by itself.
	list := exec.Command("go", append([]string{"list", "-deps"}, packages(args)...)...)
	list.Stderr = stderr
	listed, err := list.Output()
	if err != nil {
		return exitCode(err, stderr)
	}
	p := newProgress(strings.Fields(string(listed)))
	stdout = &shared{to: stdout}

	cmd := exec.Command("go", append([]string{"build", "-v"}, args...)...)
	cmd.Stdout = stdout
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return exitCode(err, stderr)
	}
	done, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		for {
			select {
			case <-ticks:
				if p.news() {
					fmt.Fprintln(stdout, p)
				}
			case <-done:
				return
			}
		}
	}()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if !p.compiles(lines.Text()) {
			fmt.Fprintln(stderr, lines.Text())
		}
	}
	_, _ = io.Copy(stderr, said) // a line that was too long
	err = cmd.Wait()
	close(done)
	<-told
	return exitCode(err, stderr)
}

// shared is a writer for several goroutines: the progress is told while go build writes, too.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

func (s *shared) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(text)
}

// packages are the arguments behind the flags: those that begin like a path.
func packages(args []string) (names []string) {
	for i := len(args) - 1; i >= 0 && strings.HasPrefix(args[i], "./"); i-- {
		names = append(names, args[i])
	}
	return names
}

func exitCode(err error, stderr io.Writer) int {
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		return max(1, ended.ExitCode())
	case err != nil:
		fmt.Fprintf(stderr, "gobuild: %v\n", err)
		return 1
	}
	return 0
}

// progress is how far a build is. It is safe for concurrent use.
type progress struct {
	begun time.Time

	mu       sync.Mutex
	waiting  map[string]bool // packages that have not been compiled
	all      int
	compiled int
	last     string
	told     int // compiled when it was told last
	silent   int // ticks since then
}

func newProgress(packages []string) *progress {
	p := &progress{begun: time.Now(), waiting: map[string]bool{}, all: len(packages)}
	for _, name := range packages {
		p.waiting[name] = true
	}
	return p
}

// compiles takes a line of go build -v. It is false where the line is not the name of a package.
func (p *progress) compiles(line string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.waiting[line] {
		return false
	}
	delete(p.waiting, line)
	p.compiled++
	p.last = line
	return true
}

// news reports, once a tick, whether there is something to tell: more was compiled, or nothing was told for long.
func (p *progress) news() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent++; p.compiled == p.told && p.silent < patience {
		return false
	}
	p.told, p.silent = p.compiled, 0
	return true
}

func (p *progress) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.begun).Round(time.Second)
	if p.compiled == 0 {
		return fmt.Sprintf("  %4s  looking for what has changed", elapsed)
	}
	return fmt.Sprintf("  %4s  compiled %d of at most %d packages, now %s", elapsed, p.compiled, p.all, p.last)
}
