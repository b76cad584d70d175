package pid1_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postern/agent/pid1"
)

// stays is an agent that runs until it is told to end, and says so.
const stays = `trap 'echo the agent was told; exit 0' TERM; echo the agent runs; while :; do sleep 60 & wait $!; done`

func TestRunIsForTheFirstProcess(t *testing.T) {
	if status := pid1.Run(pid1.Config{Instance: "i-1", Agent: []string{"/bin/true"}}); status != 2 {
		t.Errorf("exit status %d, want 2", status)
	}
}

func TestAskWithoutAnInstance(t *testing.T) {
	err := pid1.Ask(pid1.Power{Action: pid1.Cancel, Force: true})
	if err == nil || !strings.Contains(err.Error(), "the instance's first process does not answer (only root may ask)") {
		t.Errorf("error %v", err)
	}
}

// An agent that ends is started again, and the later the more often it ends.
func TestTheAgentIsStartedAgain(t *testing.T) {
	for _, tt := range []struct{ agent, want string }{
		{"exit 7", "the agent ended (exit status 7) and is started again in "},
		{"kill -9 $$", "the agent ended (signal killed) and is started again in "},
	} {
		t.Run(tt.agent, func(t *testing.T) {
			t.Parallel()
			i := boot(t, newDirectory(t), tt.agent, pid1.Config{})
			for _, pause := range []string{"200ms", "400ms", "800ms"} {
				i.await(tt.want + pause + "\n")
			}
			i.tell("stop")
			if s := i.end(); !s.Exited() || s.ExitStatus() != 0 {
				t.Errorf("status %#x", s)
			}
		})
	}
}

// The end in good order gives processes their time, and no more; the end of the control socket gives none.
func TestStop(t *testing.T) {
	for _, tt := range []struct {
		name, agent string
		stop        func(i *instance)
		told        bool
		least       time.Duration
	}{
		{"in good order", stays, func(i *instance) { i.tell("stop") }, true, 0},
		{"those who do not listen", `trap '' TERM; echo the agent runs; sleep 1000`, func(i *instance) { i.tell("stop") },
			false, 3 * time.Second},
		{"nobody is left", stays, func(i *instance) { i.control.Close() }, false, 0},
		{"a word that is none", stays, func(i *instance) { i.tell("halt") }, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := boot(t, newDirectory(t), tt.agent, pid1.Config{})
			i.await("the agent runs")
			begun := time.Now()
			tt.stop(i)
			if s := i.end(); !s.Exited() || s.ExitStatus() != 0 {
				t.Errorf("status %#x", s)
			}
			if took := time.Since(begun); took < tt.least {
				t.Errorf("it ended after %v, want %v at least", took, tt.least)
			}
			if told := strings.Contains(i.text(), "the agent was told"); told != tt.told {
				t.Errorf("told: %t, want %t; log:\n%s", told, tt.told, i.text())
			}
		})
	}
}

// User data runs once in the life of an instance, where cloud-init would keep it.
func TestUserDataRunsOnce(t *testing.T) {
	dir := newDirectory(t)
	script := "#!/bin/sh\necho hello from $0\nexit 3\n"
	path := filepath.Join(dir, "user-data")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	i := boot(t, dir, stays, pid1.Config{UserData: path})
	i.await("init: user data ended (exit status 3)")
	i.tell("stop")
	i.end()
	again := boot(t, dir, stays, pid1.Config{UserData: path})
	again.await("the agent runs")
	again.tell("stop")
	again.end()
	if strings.Contains(again.text(), "user data") {
		t.Errorf("the second boot says:\n%s", again.text())
	}
	own := "/var/lib/cloud/instances/i-1/"
	for path, want := range map[string]string{
		"/var/log/cloud-init-output.log": "hello from " + own + "scripts/part-001\n",
		own + "scripts/part-001":         script,
		own + "sem/config_scripts_user":  "",
	} {
		if got, err := os.ReadFile(i.file(path)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestUserDataThatCannotRun(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		marked           bool
	}{
		{"no script", "echo hello\n", `user data: it does not start with "#!" and is not run`, false},
		{"one byte", "#", `user data: it does not start with "#!" and is not run`, false},
		{"missing", "", "user data: open ", false},
		{"no such interpreter", "#!/no/such/shell\n", "user data: no such file or directory", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := newDirectory(t)
			path := filepath.Join(dir, "user-data")
			if tt.text != "" {
				if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			i := boot(t, dir, stays, pid1.Config{UserData: path})
			i.await("init: " + tt.want)
			i.await("the agent runs") // what is wrong with user data is not the agent's
			_, err := os.Stat(i.file("/var/lib/cloud/instances/i-1/sem/config_scripts_user"))
			if marked := err == nil; marked != tt.marked {
				t.Errorf("marked as run: %t, want %t", marked, tt.marked)
			}
			i.tell("stop")
			i.end()
		})
	}
}

// writes is a file of write_files as the server hands it over.
type writes struct {
	Path, Owner string
	Content     []byte
	Mode        uint32
	Append      bool
}

// Files are written before user data runs, once, and each for itself.
func TestFilesAreWrittenOnce(t *testing.T) {
	dir := newDirectory(t)
	text, err := json.Marshal([]writes{
		{Path: "/var/lib/a/lost", Owner: "nobody-of-that-name", Content: []byte("lost"), Mode: 0o644},
		{Path: "/var/lib/a/kept", Owner: "root:root", Content: []byte("one "), Mode: 0o640},
		{Path: "/var/lib/a/kept", Owner: "root", Content: []byte("two"), Mode: 0o600, Append: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, data := filepath.Join(dir, "files"), filepath.Join(dir, "user-data")
	for path, content := range map[string]string{list: string(text), data: "#!/bin/sh\ncat /var/lib/a/kept\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		i := boot(t, dir, stays, pid1.Config{UserData: data, Files: list})
		i.await("the agent runs")
		i.tell("stop")
		i.end()
	}
	if got, err := os.ReadFile(filepath.Join(dir, "/var/lib/a/kept")); err != nil || string(got) != "one two" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(dir, "/var/lib/a/kept"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// The kernel tells whoever holds the instance why it ended (pid_namespaces(7)): SIGHUP is a reboot, SIGINT the end.
func TestPowerFromInside(t *testing.T) {
	const lives = `; while :; do sleep 60 & wait $!; done`
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		agent string
		want  syscall.Signal
	}{
		{roleVariable + `="ask reboot" ` + self + lives, unix.SIGHUP},
		{roleVariable + `="ask poweroff" ` + self + lives, unix.SIGINT},
		{"kill -TERM 1" + lives, unix.SIGHUP},
		{"kill -INT 1" + lives, unix.SIGHUP},
		{"kill -USR1 1" + lives, unix.SIGINT},
		{"kill -USR2 1" + lives, unix.SIGINT},
	} {
		t.Run(tt.agent, func(t *testing.T) {
			t.Parallel()
			i := boot(t, newDirectory(t), tt.agent, pid1.Config{})
			if s := i.end(); !s.Signaled() || s.Signal() != tt.want {
				t.Errorf("status %#x, want %v; log:\n%s", s, tt.want, i.text())
			}
		})
	}
}

// Requests that are none are told why, and change nothing; one that waits can be taken back.
func TestPowerRequests(t *testing.T) {
	i := boot(t, newDirectory(t), stays, pid1.Config{})
	if info, err := os.Stat(i.file("/run/postern/power")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	for _, tt := range []struct{ request, answer string }{
		{`{"Action": "explode"}`, `no action "explode"`},
		{`{}`, `no action ""`},
		{`{"Action": "reboot", "After": -1}`, "reboot in -1ns: that is in the past"},
		{`nonsense` + "\n", "invalid character 'o' in literal null (expecting 'u')"},
		{`{"Action": "reboot", "After": "soon"}`,
			"json: cannot unmarshal string into Go struct field Power.After of type time.Duration"},
	} {
		if got := i.power(tt.request); got != tt.answer {
			t.Errorf("%s: %q, want %q", tt.request, got, tt.answer)
		}
	}
	if got := i.power(`{"Action": "reboot", "After": 3600000000000}`); got != "ok" {
		t.Errorf("in an hour: %q", got)
	}
	i.await("init: reboot in 1h0m0s\n")
	if got := i.power(`{"Action": "cancel"}`); got != "ok" {
		t.Errorf("cancel: %q", got)
	}
	i.await("init: nothing is planned any more\n")
	if got := i.power(`{"Action": "poweroff", "After": 1000000}`); got != "ok" {
		t.Errorf("in a moment: %q", got)
	}
	if s := i.end(); !s.Signaled() || s.Signal() != unix.SIGINT {
		t.Errorf("status %#x", s)
	}
	if !strings.Contains(i.text(), "the agent was told") {
		t.Errorf("the agent was not told; log:\n%s", i.text())
	}
}

// Messages of the control socket that ask for an interface are answered, whatever is wrong with them.
func TestInterfacesThatCannotBe(t *testing.T) {
	i := boot(t, newDirectory(t), stays, pid1.Config{})
	for _, tt := range []struct{ message, want string }{
		{"plug {", "error unexpected end of JSON input"},
		{`plug {"MAC": "zz"}`, "error "},
		{`assign {"Index": 7, "Address": "10.0.1.4/24", "Secondary": ["10.0.1.5"]}`, "error "},
	} {
		i.tell(tt.message)
		if got, err := i.word(); err != nil || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.message, got, err, tt.want)
		}
	}
	i.tell("stop")
	i.end()
}
