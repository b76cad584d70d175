package script

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/test/ports"
)

// reader types what README says, block by block, as somebody who reads it for the first time.
type reader struct {
	t    *testing.T
	dir  string
	env  []string
	said *transcript
	// api and join are where the server listens.
	api, join string
	// ids stand for the marks that README has in their place.
	endpoints, nodes, node, subnet string
}

// readmeBlocks are README's blocks by how they begin, with what runs each of them to its last effect. One that is nil
// is run elsewhere.
var readmeBlocks = []struct {
	begins string
	run    func(r *reader, block string)
}{
	{"make demo", nil},                         // .ci/run
	{"bin/postern up --sample", (*reader).up},  //
	{"bin/postern wait", (*reader).firstStory}, //
	{"aws ec2 revoke", (*reader).breakPath},    //
	{"aws ssm create-activation", (*reader).joinMachine},
	{"bin/postern image import", (*reader).importImage},
	{`eval "$(bin/postern env)"` + "\nterraform", nil}, // test/terraform
	{"bin/postern up --ephemeral", (*reader).inCI},
}

// TestReadme runs README's blocks as they stand, with ids in place of their marks and ports of the test's own.
func TestReadme(t *testing.T) {
	agent := buildAgent(t, "")
	missing := missingFor(t, agent)
	for _, need := range []string{"aws", "instances"} {
		if missing[need] == "" {
			continue
		}
		if os.Getenv("CI") == "true" && os.Getenv("POSTERN_CI_WITHOUT_"+strings.ToUpper(need)) == "" {
			t.Fatal(missing[need])
		}
		t.Skip(missing[need])
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newReader(t, agent)
	ran := map[string]bool{}
	for _, m := range regexp.MustCompile("(?s)\n```sh\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		known := false
		for _, b := range readmeBlocks {
			if !strings.HasPrefix(m[1], b.begins) {
				continue
			}
			known, ran[b.begins] = true, true
			if b.run != nil {
				b.run(r, m[1])
			}
		}
		if !known {
			t.Errorf("a block of README is run by no test:\n%s", m[1])
		}
	}
	for _, b := range readmeBlocks {
		if !ran[b.begins] {
			t.Errorf("README has no block that begins with %q any more", b.begins)
		}
	}
}

func newReader(t *testing.T, agent string) *reader {
	r := &reader{t: t, dir: t.TempDir(), said: new(transcript)}
	bin := filepath.Join(r.dir, "bin")
	self, err := os.Executable()
	check(t, err)
	check(t, os.Mkdir(bin, 0o755))
	check(t, os.Symlink(self, filepath.Join(bin, "postern"))) // TestMain sees by its name what it is to be
	check(t, os.Symlink(agent, filepath.Join(bin, "postern-agent")))
	r.api, err = ports.Free()
	check(t, err)
	r.join, err = ports.Free()
	check(t, err)
	r.env = append(os.Environ(),
		"POSTERN_DATA="+filepath.Join(r.dir, "data"), "POSTERN_AGENT="+agent, "HOME="+r.dir,
		"POSTERN_S3=/proc/self/exe", "PATH="+olderCLI(t)+os.Getenv("PATH"), "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_DEFAULT_OUTPUT=json")
	return r
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs a script in the background until the test ends; stop ends it as Ctrl-C does.
func (r *reader) start(script string) (stop func()) {
	r.t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, r.said, r.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	check(r.t, cmd.Start())
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // what has ended needs none
		timer := time.AfterFunc(patience/6, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		defer timer.Stop()
		_ = cmd.Wait() // its exit code is that of a stopped program
	}
	r.t.Cleanup(stop)
	return stop
}

// shell runs a script, in which the server's variables are set, and returns what it prints and its exit code.
func (r *reader) shell(script string) (string, int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", script)
	cmd.Dir, cmd.Env = r.dir, r.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	r.t.Logf("$ %s\n%s", script, &out)
	if _, ok := err.(*exec.ExitError); err != nil && !ok { //nolint:errorlint // Run returns it as it is
		r.t.Fatalf("%v\n%s", err, r.said.take())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// types runs a script that must succeed and print what fits the patterns.
func (r *reader) types(script string, patterns ...string) string {
	r.t.Helper()
	out, code := r.shell(`eval "$(bin/postern env)"` + "\n" + script)
	if code != 0 {
		r.t.Fatalf("exit code %d\n%s\nthe server:\n%s", code, out, r.said.take())
	}
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(out) {
			r.t.Fatalf("it does not print %s:\n%s", p, out)
		}
	}
	return out
}

// one returns the output of a command, without white space around it.
func (r *reader) one(command string) string {
	r.t.Helper()
	return strings.TrimSpace(r.types(command + " --output text"))
}

func (r *reader) up(block string) {
	r.start("exec " + block + " --return-window 1s --listen " + r.api + " --wireguard " + r.join)
	out, code := r.shell("bin/postern wait --timeout 3m")
	if code != 0 {
		r.t.Fatalf("%s\n%s", out, r.said.take())
	}
}

func (r *reader) firstStory(block string) {
	r.types(block, "load average", `"PingStatus": "Online"`, "── i-[0-9a-f]+  Success", "(?m)^NODE ")
	group := "aws ec2 describe-security-groups --query 'SecurityGroups[0].GroupId' --filters " +
		"Name=group-name,Values=postern-sample-"
	r.endpoints, r.nodes = r.one(group+"endpoints"), r.one(group+"nodes")
	r.node = r.one("aws ec2 describe-instances --query 'Reservations[0].Instances[0].InstanceId'")
	r.subnet = r.one("aws ec2 describe-instances --query 'Reservations[0].Instances[0].SubnetId'")
}

// breakPath types the block, whose last line says what is wrong, and then the command that it prints.
func (r *reader) breakPath(block string) {
	block = strings.Replace(strings.Replace(block, "sg-…", r.endpoints, 1), "sg-…", r.nodes, 1)
	block = strings.ReplaceAll(block, "i-…", r.node)
	end := strings.LastIndexByte(block, '\n')
	r.types(block[:end])
	r.until("ConnectionLost", "bin/postern nodes")
	out, code := r.shell(block[end+1:])
	command := regexp.MustCompile(`(?m)^ +(aws ec2 authorize-.*)$`).FindStringSubmatch(out)
	if code != 1 || command == nil || !strings.Contains(out, r.endpoints) {
		r.t.Fatalf("exit code %d: %s", code, out)
	}
	r.types(command[1] + "\nbin/postern wait --timeout 3m " + r.node)
}

// until runs a command again and again until its output fits.
func (r *reader) until(pattern, command string) string {
	r.t.Helper()
	deadline := time.After(patience)
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		out, _ := r.shell(`eval "$(bin/postern env)"` + "\n" + command)
		if found := regexp.MustCompile(pattern).FindString(out); found != "" {
			return found
		}
		select {
		case <-look.C:
		case <-deadline:
			r.t.Fatalf("%s does not print %s:\n%s\n%s", command, pattern, out, r.said.take())
		}
	}
}

// joinMachine types the block line by line: its second line stays.
func (r *reader) joinMachine(block string) {
	lines := strings.Split(strings.ReplaceAll(block, "\\\n", " "), "\n")
	if len(lines) != 4 {
		r.t.Fatalf("%d lines: %s", len(lines), block)
	}
	made := r.types(strings.NewReplacer("subnet-…", r.subnet, "sg-…", r.nodes).Replace(lines[0]))
	field := func(name string) string {
		return regexp.MustCompile(`"` + name + `": "([^"]+)"`).FindStringSubmatch(made)[1]
	}
	marks := strings.NewReplacer("ID", field("ActivationId"), "=CODE", "="+field("ActivationCode"), "--code CODE",
		"--code "+field("ActivationCode"), "HOST:51820", r.join, "COMMAND", "getent hosts ssm.us-east-1.amazonaws.com")
	// The environment's ACTIVATION in the name of a variable is no mark.
	line := strings.Replace(marks.Replace(strings.Replace(lines[1], "POSTERN_ACTIVATION_CODE", "\x00", 1)), "\x00",
		"POSTERN_ACTIVATION_CODE", 1)
	stop := r.start(line)
	id := r.until(
		"mi-[0-9a-f]{17}",
		"aws ssm describe-instance-information --filters Key=PingStatus,Values=Online "+
			"Key=ResourceType,Values=ManagedInstance",
	)
	r.types(strings.ReplaceAll(lines[2], "mi-…", id), `uid=\d+`)
	r.types(marks.Replace(lines[3]), `10\.0\.\d+\.\d+ +ssm\.us-east-1\.amazonaws\.com`)
	stop()
}

func (r *reader) importImage(block string) {
	check(r.t, writeRootfs(filepath.Join(r.dir, "rootfs.tar")))
	first, second, ok := strings.Cut(block, "\n")
	if !ok {
		r.t.Fatalf("one line: %s", block)
	}
	image := regexp.MustCompile("ami-[0-9a-f]{17}").FindString(r.types(first))
	out := r.types(strings.NewReplacer("ami-…", image, "subnet-…", r.subnet, "sg-…", r.nodes).Replace(second), image)
	r.types("bin/postern wait --timeout 3m " + regexp.MustCompile(`\bi-[0-9a-f]{17}`).FindString(out))
}

// inCI types the block as a job of its own, beside the server that runs.
func (r *reader) inCI(block string) {
	other, err := ports.Free()
	check(r.t, err)
	block = strings.Replace(block, " --test-credentials &",
		" --test-credentials --wireguard 127.0.0.1:0 --listen "+other+" &", 1)
	block = strings.ReplaceAll(block, "http://127.0.0.1:4566", "http://"+other)
	out, code := r.shell("export POSTERN_DATA=" + filepath.Join(r.dir, "ci") + "\n" + block + "\nkill -INT $!\nwait $!")
	if code != 0 || !strings.Contains(out, "the lab is empty again") {
		r.t.Errorf("exit code %d: %s", code, out)
	}
}
