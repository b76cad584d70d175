package pid1

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	controlFD = 3
	// grace bounds how long processes have to end after SIGTERM.
	grace = 3 * time.Second
	// The agent is started again after firstPause, and twice that up to maxPause while it keeps ending early.
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Config tells the instance's first process what to start.
type Config struct {
	// Instance is the instance's id.
	Instance string
	// Agent is the agent's program and its arguments.
	Agent []string
	// UserData is the path of the script that is run once, Files that of a list of files, in JSON, that are written once
	// before it; empty for none.
	UserData, Files string
}

// Run runs the instance's first process. It returns the exit status when everything has ended.
func Run(c Config) int {
	if os.Getpid() != 1 || len(c.Agent) == 0 {
		fmt.Fprintln(os.Stderr, "postern-agent init is only for the first process of an instance")
		return 2
	}
	unix.CloseOnExec(controlFD)
	i := &initProcess{
		Config: c, stops: make(chan bool, 1), pause: firstPause, userData: -1, restart: time.NewTimer(time.Hour),
	}
	i.powers, i.due = make(chan Power), time.NewTimer(time.Hour)
	i.restart.Stop()
	i.due.Stop()
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	i.takePower()
	i.writeFiles()
	i.startAgent()
	if _, err := unix.Write(controlFD, []byte("ready")); err != nil {
		return 1 // nobody wants this instance any more
	}
	i.startUserData() // it may end the instance at once, which has run by then
	go i.listen()
	return i.loop(children)
}

type initProcess struct {
	Config
	agent, userData int // process ids; 0 or -1 for none
	started         time.Time
	pause           time.Duration
	restart         *time.Timer
	stops           chan bool // true: in good order
	// powers are requests from inside; what is planned is next, when due fires.
	powers chan Power
	next   Action
	due    *time.Timer
}

// listen waits for the word on the control socket. It ends with the process.
func (i *initProcess) listen() {
	buf, nics := make([]byte, 64<<10), nics{}
	for {
		n, err := unix.Read(controlFD, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		verb, body, isNIC := strings.Cut(string(buf[:max(n, 0)]), " ")
		if err == nil && isNIC {
			nics.command(verb, []byte(body))
			continue
		}
		i.stops <- err == nil && verb == "stop"
		if n <= 0 {
			return
		}
	}
}

func (i *initProcess) loop(children <-chan os.Signal) int {
	for {
		select {
		case <-children:
			i.reap()
		case <-i.restart.C:
			i.startAgent()
		case p := <-i.powers:
			if i.plan(p) {
				return i.carryOut(children)
			}
		case <-i.due.C:
			return i.carryOut(children)
		case orderly := <-i.stops:
			if orderly {
				i.endAll(children)
			}
			return 0 // the kernel kills what is left when this process ends
		}
	}
}

// endAll asks every process to end and gives them a little time.
func (i *initProcess) endAll(children <-chan os.Signal) {
	i.log("stops")
	_ = unix.Kill(-1, unix.SIGTERM) // an error means that nobody else is there
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	for {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if errors.Is(err, unix.ECHILD) {
				return
			}
			if pid <= 0 && !errors.Is(err, unix.EINTR) {
				break
			}
		}
		select {
		case <-children:
		case <-timeout.C:
			return
		}
	}
}

// reap collects every process that has ended.
func (i *initProcess) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		switch pid {
		case i.agent:
			i.agent = 0
			if time.Since(i.started) > time.Minute {
				i.pause = firstPause
			}
			i.log("the agent ended (%s) and is started again in %v", describe(status), i.pause)
			i.restart.Reset(i.pause)
			i.pause = min(2*i.pause, maxPause)
		case i.userData:
			i.userData = -1
			i.log("user data ended (%s)", describe(status))
		}
	}
}

func describe(s unix.WaitStatus) string {
	if s.Signaled() {
		return "signal " + s.Signal().String()
	}
	return fmt.Sprintf("exit status %d", s.ExitStatus())
}

func (i *initProcess) startAgent() {
	pid, err := start(i.Agent, os.Environ(), os.Stderr)
	if err != nil {
		i.log("start %s: %v", i.Agent[0], err)
		i.restart.Reset(maxPause)
		return
	}
	i.agent, i.started = pid, time.Now()
}

func start(argv, env []string, output *os.File) (int, error) {
	out := output.Fd()
	return syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{0, out, out}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
}

// startUserData runs a script once in the life of the instance, where cloud-init would keep it and with its mark and
// log.
func (i *initProcess) startUserData() {
	if i.UserData == "" {
		return
	}
	dir := i.cloudDir()
	mark := filepath.Join(dir, "sem", "config_scripts_user")
	if _, err := os.Stat(mark); err == nil {
		return
	}
	if err := i.runUserData(dir, mark); err != nil {
		i.log("user data: %v", err)
	}
}

// cloudDir names the directory in which cloud-init keeps what it knows of an instance.
func (i *initProcess) cloudDir() string { return filepath.Join("/var/lib/cloud/instances", i.Instance) }

func (i *initProcess) runUserData(dir, mark string) error {
	text, err := os.ReadFile(i.UserData)
	if err != nil {
		return err
	}
	if len(text) < 2 || string(text[:2]) != "#!" {
		return errors.New(`it does not start with "#!" and is not run`)
	}
	script := filepath.Join(dir, "scripts", "part-001")
	for _, d := range []string{filepath.Dir(mark), filepath.Dir(script), "/var/log"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(script, text, fs.FileMode(0o700)); err != nil {
		return err
	}
	output, err := os.OpenFile("/var/log/cloud-init-output.log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer output.Close()
	// The mark comes first: a script that reboots the instance must not run for ever.
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		return err
	}
	i.userData, err = start([]string{script}, os.Environ(), output)
	return err
}

func (i *initProcess) log(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "init: "+format+"\n", args...)
}
