package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"postern/agent/execute"
	"postern/agent/s3"
	"postern/ssm/mgs"
)

// ErrRestart says that the agent ended so that its program can be replaced: see Update.
var ErrRestart = errors.New("the agent's program is to be replaced")

const (
	updateFile = "update.json"
	// versionTime bounds the call that asks a new program which one it is.
	versionTime = 30 * time.Second
)

var versions = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,3}$`)

// Update is a replacement of the agent's program that has begun. The program that runs tries the new one, puts it into
// its own place if that one comes online, and goes on as the one that serves.
type Update struct {
	Command  string
	From, To string
	// New is the path of the new program, beside the one that runs.
	New string
	// Failed says why the new program does not serve; empty while it is not known, and when it does.
	Failed string
}

// ReadUpdate returns the update that has begun in a directory, nil for none.
func ReadUpdate(dir string) (*Update, error) {
	text, err := os.ReadFile(filepath.Join(dir, updateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	u := &Update{}
	return u, json.Unmarshal(text, u)
}

// Write keeps the update for the program that runs next.
func (u *Update) Write(dir string) error {
	text, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, updateFile), text)
}

// updateAgent does the work of aws:updateSsmAgent. It runs a second time in the program that serves after it.
func (a *Agent) updateAgent(ctx context.Context, j *execute.Job, _ execute.On, in map[string]any) execute.Outcome {
	if a.Program == "" || a.Dir == "" {
		return execute.Failure(errors.New("this agent is not a program of its own, which could be replaced"))
	}
	u, err := ReadUpdate(a.Dir)
	if err == nil && u != nil && u.Command == j.Command {
		return a.updated(u)
	}
	target, _ := in["targetVersion"].(string)
	if target == "latest" {
		target = ""
	}
	downgrade := fmt.Sprint(in["allowDowngrade"]) == "true"
	var says string
	if err == nil {
		u, says, err = a.fetchUpdate(ctx, target, downgrade)
	}
	if err == nil && u != nil {
		u.Command = j.Command
		err = u.Write(a.Dir)
	}
	if err != nil {
		return execute.Failure(err)
	}
	return execute.Outcome{Status: mgs.Success, Stdout: says + "\n", Restart: u != nil}
}

// updated tells how an update has ended.
func (a *Agent) updated(u *Update) execute.Outcome {
	err := os.Remove(filepath.Join(a.Dir, updateFile))
	switch {
	case u.Failed != "":
		err = fmt.Errorf("postern-agent stays %s: %s", a.Version, u.Failed)
	case a.Version != u.To:
		err = fmt.Errorf("postern-agent %s was started before %s had been tried", a.Version, u.To)
	}
	if err != nil {
		return execute.Failure(err)
	}
	return execute.Outcome{Status: mgs.Success, Stdout: "postern-agent updated from " + u.From + " to " + u.To + "\n"}
}

// fetchUpdate brings the program of a version, or of the newest one. Without an error and an update there is none to
// make, and says tells why.
func (a *Agent) fetchUpdate(ctx context.Context, target string, downgrade bool) (u *Update, says string, err error) {
	bucket, file := "amazon-ssm-"+a.Identity.Region(), mgs.AgentFile(runtime.GOOS, runtime.GOARCH)
	client := a.objects()
	var text bytes.Buffer
	err = client.Get(ctx, bucket, mgs.ManifestKey, &text)
	var refused *s3.Error
	if errors.As(err, &refused) && refused.Code == "NoSuchKey" {
		text.WriteString("{}")
		err = nil
	}
	var m mgs.Manifest
	if err == nil {
		err = json.Unmarshal(text.Bytes(), &m)
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the manifest: %w", err)
	}
	v, ok := m.Find(file, target)
	switch {
	case !ok && target != "":
		return nil, "", fmt.Errorf("%s has no version %s of %s", bucket, target, file)
	case !ok:
		return nil, fmt.Sprintf("%s has no version of %s: %s stays", bucket, file, a.Version), nil
	case v.Version == a.Version:
		return nil, fmt.Sprintf("postern-agent %s has already been installed, update skipped", a.Version), nil
	case mgs.CompareVersions(v.Version, a.Version) < 0 && target == "":
		return nil, fmt.Sprintf("postern-agent %s is newer than %s, update skipped", a.Version, v.Version), nil
	case mgs.CompareVersions(v.Version, a.Version) < 0 && !downgrade:
		return nil, "", fmt.Errorf("version %s is older than %s, and allowDowngrade is not true", v.Version, a.Version)
	case !versions.MatchString(v.Version):
		return nil, "", fmt.Errorf("the manifest has a version %q", v.Version)
	case a.jobs.others():
		return nil, "", errors.New("other commands run on this node, which would be ended; try again later")
	}
	u = &Update{From: a.Version, To: v.Version, New: a.Program + "." + v.Version}
	err = fetchProgram(u.New, v, func(w io.Writer) error {
		return client.Get(ctx, bucket, mgs.ReleaseKey(v.Version, file), w)
	})
	return u, "", err
}

// fetchProgram saves a program and checks that it is what the manifest says.
func fetchProgram(path string, v mgs.ManifestVersion, get func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o700)
	if err != nil {
		return fmt.Errorf("save the new program: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path) // the error says what there is to know
		}
	}()
	sum := sha256.New()
	err = get(io.MultiWriter(f, sum))
	if err = errors.Join(err, f.Chmod(0o755), f.Sync(), f.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, v.Checksum) {
		return fmt.Errorf("the new program's SHA-256 is %s, and in the manifest %s", got, v.Checksum)
	}
	ctx, cancel := context.WithTimeout(context.Background(), versionTime)
	defer cancel()
	says, err := exec.CommandContext(ctx, path, "version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("the new program does not say its version: %w %s", err, strings.TrimSpace(string(says)))
	}
	if want := mgs.AgentPackage + " " + v.Version; strings.TrimSpace(string(says)) != want {
		return fmt.Errorf("the new program says %q, not %q", strings.TrimSpace(string(says)), want)
	}
	return nil
}

// others reports whether commands run or wait beside one.
func (j *jobs) others() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.active) > 1 || len(j.waiting) > 0
}

// restartFor keeps a job that goes on in another program, and ends the agent.
func (a *Agent) restartFor(ctx context.Context, b *job) bool {
	if err := a.jobs.keep(b); err != nil {
		a.reply(ctx, b.ID, execute.Result{Status: mgs.Failed}, "the update cannot be kept: "+err.Error())
		return false
	}
	a.Log.Info("the agent ends for an update", "command", b.Command)
	a.restart(ErrRestart)
	return true
}
