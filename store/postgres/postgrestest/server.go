// Package postgrestest gives tests databases on a PostgreSQL server of their own: one for each test process, in a
// temporary directory, reached by a socket in it.
package postgrestest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
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

// URL returns the URL of a new database with nothing in it. Where PostgreSQL is not installed the test is skipped; in
// CI it fails.
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

// Restart ends the server, as it ends in a crash, and starts it again on the same data.
func Restart(t testing.TB) {
	t.Helper()
	if err := server.run.restart(); err != nil {
		t.Fatal(err)
	}
}

// Proxy returns the URL of a database behind a connection that freezes, as a network does that drops everything, when
// freeze is called.
func Proxy(t testing.TB, database string) (through string, freeze func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	frozen, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { accept(ctx, frozen, l, &work) })
	t.Cleanup(func() {
		cancel()
		l.Close()
		work.Wait()
		stop()
	})
	return "postgres://postgres@" + l.Addr().String() + u.Path + "?sslmode=disable", stop
}

func accept(ctx, frozen context.Context, l net.Listener, work *sync.WaitGroup) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		back, err := net.Dial("unix", filepath.Join(server.run.dir, ".s.PGSQL.5432"))
		if err != nil {
			client.Close()
			continue
		}
		context.AfterFunc(ctx, func() { client.Close(); back.Close() })
		for _, way := range [][2]net.Conn{{client, back}, {back, client}} {
			work.Go(func() {
				relay(frozen, way[0], way[1])
				<-ctx.Done()
			})
		}
	}
}

// relay copies until the connection ends, and drops what comes once it is frozen.
func relay(frozen context.Context, from, to net.Conn) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			if frozen.Err() == nil {
				to.Close()
			}
			return
		}
		if frozen.Err() != nil {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			from.Close()
			return
		}
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
	bin, dir string
	as       *syscall.SysProcAttr
	cmd      *exec.Cmd
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
	i := &instance{bin: bin, dir: dir, as: as}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"),
		"-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
	initdb.SysProcAttr, initdb.Dir = as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return i, i.run()
}

// run runs the server until stop is called.
func (i *instance) run() (err error) {
	// The shell ends the server when nobody holds its input open any more, and removes its files unless it was told that
	// another one follows.
	i.cmd = exec.Command("/bin/sh", "-c",
		`dir=$1; shift; "$@" >>"$dir/log" 2>&1 & pid=$!; read -r again; kill -QUIT $pid; wait $pid
		test "$again" = again || rm -rf "$dir"`, "sh", i.dir,
		filepath.Join(i.bin, "postgres"), "-D", filepath.Join(i.dir, "data"), "-c", "listen_addresses=",
		"-c", "unix_socket_directories="+i.dir, "-c", "max_connections=300",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off")
	i.cmd.SysProcAttr, i.cmd.Dir = i.as, i.dir
	if i.life, err = i.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := i.cmd.Start(); err != nil {
		return err
	}
	if err := i.ready(); err != nil {
		log, _ := os.ReadFile(filepath.Join(i.dir, "log"))
		i.stop()
		return fmt.Errorf("start PostgreSQL: %w: %s", err, log)
	}
	return nil
}

func (i *instance) restart() error {
	if _, err := io.WriteString(i.life, "again\n"); err != nil {
		return err
	}
	if err := i.cmd.Wait(); err != nil {
		return err
	}
	return i.run()
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
