package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"postern/aws/fault"
	"postern/store"
	"postern/store/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("STORE_TEST_WRITER"); path != "" {
		writeForEver(path)
	}
	if path := os.Getenv("STORE_TEST_REFUSED"); path != "" {
		if err := writeUntilRefused(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		postgrestest.Stop()
		os.Exit(code)
	}))
}

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// What is in the state, outputs of commands and what machines join with among it, is nobody else's business, wherever
// the file lies.
func TestOnlyTheOwnerReadsTheState(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil { // as an earlier version left it
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(dir, "other.db")} {
		db := open(t, store.Options{Path: path})
		if err := db.PutSetting(t.Context(), "x", []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

func TestSettingSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?.db")
	db := open(t, store.Options{Path: path})
	if _, found, err := db.Setting(t.Context(), "x"); found || err != nil {
		t.Fatalf("an unknown setting: %v, %v", found, err)
	}
	for _, value := range []string{"one", "two"} {
		if err := db.PutSetting(t.Context(), "x", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, store.Options{Path: path})
	if got, found, err := db.Setting(t.Context(), "x"); string(got) != "two" || !found || err != nil {
		t.Errorf("after reopening: %q, %v, %v", got, found, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.PutSetting(t.Context(), "x", nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a write after Close: %v, want Unavailable", err)
	}
}

func TestInMemoryLeavesNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	db := open(t, store.Options{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := db.PutSetting(t.Context(), strconv.Itoa(i), []byte("v")); err != nil {
				t.Error(err)
			}
			if _, found, err := db.Setting(t.Context(), strconv.Itoa(i)); !found || err != nil {
				t.Errorf("setting %d: %v, %v", i, found, err)
			}
		})
	}
	wg.Wait()
	if entries, _ := os.ReadDir("."); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestCancelledWriteSaysSo(t *testing.T) {
	db := open(t, store.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.PutSetting(ctx, "x", []byte("v")); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want cancelled", err)
	}
	if _, found, _ := db.Setting(t.Context(), "x"); found {
		t.Error("a cancelled write happened")
	}
}

func TestFullDiskIsRefusedAndRecovers(t *testing.T) {
	db := open(t, store.Options{Path: filepath.Join(t.TempDir(), "state.db"), MaxPages: 64})
	big := bytes.Repeat([]byte("x"), 64<<10)
	var refused error
	written := 0
	for refused == nil && written < 100 {
		if refused = db.PutSetting(t.Context(), strconv.Itoa(written), big); refused == nil {
			written++
		}
	}
	if !fault.Is(refused, fault.Unavailable) || !strings.Contains(refused.Error(), "disk is full") {
		t.Fatalf("after %d writes: %v, want a full disk", written, refused)
	}
	for i := range written {
		if got, _, err := db.Setting(t.Context(), strconv.Itoa(i)); !bytes.Equal(got, big) {
			t.Errorf("acknowledged write %d is lost: %v", i, err)
		}
	}
	if err := db.PutSetting(t.Context(), "0", []byte("small")); err != nil {
		t.Errorf("a write that fits: %v", err)
	}
}

// Of changes that are committed together, those that no longer fit end the transaction of all.
func TestFullDiskRefusesTogether(t *testing.T) {
	db := open(t, store.Options{Path: filepath.Join(t.TempDir(), "state.db"), MaxPages: 200})
	big := bytes.Repeat([]byte("x"), 5<<10)
	var kept, refused sync.Map
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				name := fmt.Sprintf("%d-%d", w, i)
				if err := db.PutSetting(t.Context(), name, big); err != nil {
					refused.Store(name, err)
					return
				}
				kept.Store(name, true)
			}
		})
	}
	wg.Wait()
	n := 0
	refused.Range(func(name, err any) bool {
		n++
		if !strings.Contains(err.(error).Error(), "disk is full") {
			t.Errorf("%s: %v, want a full disk", name, err)
		}
		return true
	})
	if n == 0 {
		t.Error("it was never full")
	}
	kept.Range(func(name, _ any) bool {
		if got, _, err := db.Setting(t.Context(), name.(string)); !bytes.Equal(got, big) {
			t.Errorf("acknowledged write %s is lost: %v", name, err)
		}
		return true
	})
}

// writeForEver writes rising numbers from several goroutines and prints each one that was acknowledged.
func writeForEver(path string) {
	db, err := store.Open(context.Background(), store.Options{Path: path})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d", w, i)
				if err := db.PutSetting(context.Background(), name, []byte(name)); err != nil {
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(name)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	acknowledged := map[string]bool{}
	for round, after := range []int{1, 50, 700} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "STORE_TEST_WRITER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for seen := 0; lines.Scan(); seen++ {
			acknowledged[lines.Text()] = true
			if seen == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait()
		db := open(t, store.Options{Path: path})
		for name := range acknowledged {
			if got, _, err := db.Setting(t.Context(), name); string(got) != name {
				t.Errorf("round %d: acknowledged write %s is lost (%q, %v)", round, name, got, err)
			}
		}
		db.Close()
	}
	if len(acknowledged) < 700 {
		t.Errorf("only %d writes were acknowledged", len(acknowledged))
	}
}

func BenchmarkDurableWrite(b *testing.B) {
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			db := open(b, store.Options{Path: filepath.Join(b.TempDir(), "state.db")})
			b.SetParallelism(max(1, writers/2))
			value := bytes.Repeat([]byte("v"), 512)
			var n int
			var mu sync.Mutex
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					mu.Lock()
					n++
					name := strconv.Itoa(n)
					mu.Unlock()
					if err := db.PutSetting(context.Background(), name, value); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
