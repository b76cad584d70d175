// Package postgrestest gives tests databases on a PostgreSQL server of their own: one for each test process, in a
// temporary directory, reached by a socket in it.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver by which databases are made
)

// server is the process's one.
var server struct {
	once sync.Once
	mu   sync.Mutex
	err  error
	run  *instance
	last atomic.Int64 // number of the newest database
}

// URL returns the URL of a new database with nothing in it. Where PostgreSQL is not installed the test is skipped; in CI
// it fails.
func URL(t testing.TB) string {
	t.Helper()
	bin, err := programs()
	if err != nil {
		if os.Getenv("CI") == "true" && os.Getenv("POSTERN_CI_WITHOUT_POSTGRESQL") == "" {
			t.Fatalf("%v: install Debian's package postgresql", err)
		}
		t.Skipf("%v", err)
	}
	server.once.Do(func() { server.run, server.err = start(bin) })
	if server.err != nil {
		t.Fatal(server.err)
	}
	name := fmt.Sprintf("test%d", server.last.Add(1))
	if err := server.run.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return server.run.url(name)
}

// Stop ends the server, if one was started. TestMain calls it after the tests.
func Stop() {
	if server.run != nil {
		server.run.stop()
	}
}

// Cut ends every connection to a database, as a network that fails does.
func Cut(t testing.TB, database string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	err = server.run.exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = '`+u.Path[1:]+`' AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}

// programs returns the directory of PostgreSQL's programs.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	// Debian keeps them out of PATH, by version.
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: there is no initdb")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// instance is a running server.
type instance struct {
	dir string
	cmd *exec.Cmd
	// life is held open for as long as the server is to run: it ends with the test process, however that ends.
	life io.WriteCloser
	wait sync.Once
}

// start makes a cluster and runs its server.
func start(bin string) (*instance, error) {
	dir, err := os.MkdirTemp("", "postern-postgres-")
	if err != nil {
		return nil, err
	}
	as, err := account(dir)
	if err != nil {
		return nil, err
	}
	i := &instance{dir: dir}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"),
		"-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	// The shell ends the server and removes its files when nobody holds its input open any more.
	i.cmd = exec.Command("/bin/sh", "-c",
		`dir=$1; shift; "$@" >"$dir/log" 2>&1 & pid=$!; read -r _; kill -QUIT $pid; wait $pid; rm -rf "$dir"`, "sh", dir,
		filepath.Join(bin, "postgres"), "-D", data, "-c", "listen_addresses=", "-c", "unix_socket_directories="+dir,
		"-c", "max_connections=300", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off")
	i.cmd.SysProcAttr, i.cmd.Dir = as, dir
	if i.life, err = i.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	if err := i.ready(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		i.stop()
		return nil, fmt.Errorf("start PostgreSQL: %w: %s", err, log)
	}
	return i, nil
}

// account returns whom the server runs as, and gives the directory to it: PostgreSQL does not run as root.
func account(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	var who *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if who, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// ready waits until the server answers.
func (i *instance) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := i.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

func (i *instance) url(database string) string {
	return "postgres:///" + database + "?" + url.Values{"host": {i.dir}, "user": {"postgres"}}.Encode()
}

func (i *instance) exec(ctx context.Context, text string) error {
	db, err := sql.Open("pgx", i.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, text)
	return err
}

func (i *instance) stop() {
	i.wait.Do(func() {
		i.life.Close()
		_ = i.cmd.Wait() // it was told to end
	})
}
