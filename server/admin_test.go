package server

import (
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/store/postgres/postgrestest"
)

// homes are where a server may keep its state.
func homes(t *testing.T, test func(t *testing.T, c Config)) {
	t.Run("file", func(t *testing.T) { test(t, Config{DataDir: t.TempDir()}) })
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, Config{DataDir: t.TempDir(), Database: postgrestest.URL(t)})
	})
}

// serve opens a server, lets f use it, and closes it.
func serve(t *testing.T, c Config, f func(s *Server)) {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func administer(t *testing.T, c Config, f func(a *Admin)) {
	t.Helper()
	a, err := OpenAdmin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f(a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

// secret returns the secret of a key that is in force, empty where none is.
func (s *Server) secret(id string) string {
	c, err := s.identity.Lookup(id, "")
	if err != nil {
		return ""
	}
	return c.Secret
}

func TestResetKey(t *testing.T) {
	homes(t, func(t *testing.T, c Config) {
		if _, err := OpenAdmin(t.Context(), c); !fault.Is(err, fault.NotFound) {
			t.Errorf("a directory that no server has used: %v", err)
		}
		var first, second RootKey
		var other string
		serve(t, c, func(s *Server) {
			first = s.identity.root
			_, key, err := s.identity.CreateAccount(t.Context(), "111122223333", "")
			if err != nil {
				t.Fatal(err)
			}
			other = key.ID
			if _, err := OpenAdmin(t.Context(), c); !fault.Is(err, fault.Conflict) {
				t.Errorf("while a server runs: %v", err)
			}
		})
		administer(t, c, func(a *Admin) {
			var n int
			var err error
			if second, n, err = a.ResetKey(t.Context(), "", false); err != nil || n != 0 {
				t.Errorf("%d, %v", n, err)
			}
			if made, n, err := a.ResetKey(t.Context(), "111122223333", true); err != nil || n != 1 || made.ID == other {
				t.Errorf("of another account: %+v, %d, %v", made, n, err)
			}
			if _, _, err := a.ResetKey(t.Context(), "999999999999", true); !fault.Is(err, fault.NotFound) {
				t.Errorf("of an account that is not there: %v", err)
			}
		})
		serve(t, c, func(s *Server) {
			if s.secret(first.ID) != first.Secret || s.secret(second.ID) != second.Secret || s.identity.root != second {
				t.Error("both keys are not good")
			}
			if s.secret(other) != "" {
				t.Error("the other account's old key is still good")
			}
		})
		var third RootKey
		administer(t, c, func(a *Admin) {
			var n int
			var err error
			if third, n, err = a.ResetKey(t.Context(), "", true); err != nil || n != 2 {
				t.Errorf("%d, %v", n, err)
			}
		})
		serve(t, c, func(s *Server) {
			if s.secret(first.ID)+s.secret(second.ID) != "" || s.secret(third.ID) != third.Secret {
				t.Error("not the last key alone is good")
			}
		})
	})
}

// TestRotateSealKey ends the rotation after each of its steps, as a crash would: the next start has every secret, and
// finishes what was begun.
func TestRotateSealKey(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, a *Admin){
		"done": func(t *testing.T, a *Admin) {
			if n, err := a.RotateSealKey(t.Context()); err != nil || n != 2 {
				t.Errorf("%d secrets, %v", n, err)
			}
		},
		"the new key is there": func(t *testing.T, a *Admin) { a.beginRotation(t) },
		"the database knows it": func(t *testing.T, a *Admin) {
			a.beginRotation(t)
			if err := a.identity.openIdentities(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"the secrets are sealed with it": func(t *testing.T, a *Admin) {
			a.beginRotation(t)
			if err := a.identity.openIdentities(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := a.identity.Reseal(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			homes(t, func(t *testing.T, c Config) { rotateSealKey(t, c, begin) })
		})
	}
}

func (a *Admin) beginRotation(t *testing.T) {
	t.Helper()
	if err := a.base.dir.Write(nextSealKeyFile, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rotateSealKey(t *testing.T, c Config, begin func(t *testing.T, a *Admin)) {
	var root RootKey
	var id, secret string
	serve(t, c, func(s *Server) {
		root = s.identity.root
		_, key, err := s.identity.CreateAccount(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		id, secret = key.ID, key.Secret
	})
	file := filepath.Join(c.DataDir, sealKeyFile)
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	administer(t, c, func(a *Admin) { begin(t, a) })
	for range 2 { // with what the first start has finished, too
		serve(t, c, func(s *Server) {
			if s.secret(root.ID) != root.Secret || s.secret(id) != secret {
				t.Error("a secret is lost")
			}
		})
		now, err := os.ReadFile(file)
		if err != nil || string(now) == string(old) {
			t.Errorf("the old key is still there: %v", err)
		}
		if _, err := os.Stat(filepath.Join(c.DataDir, nextSealKeyFile)); err == nil {
			t.Error("the rotation is not finished")
		}
	}
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), c); err == nil {
		t.Error("the old key opens the secrets")
		s.Close()
	}
}

func TestRotateCA(t *testing.T) {
	c := Config{DataDir: t.TempDir()}
	roots := func() int {
		data, err := os.ReadFile(filepath.Join(c.DataDir, caCertificateFile))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			n++
		}
		return n
	}
	issuer := func() (name string) {
		serve(t, c, func(s *Server) {
			leaf, err := s.base.ca.GetCertificate(&tls.ClientHelloInfo{ServerName: "localhost"})
			if err != nil {
				t.Fatal(err)
			}
			name = leaf.Leaf.Issuer.CommonName
		})
		return name
	}
	first := issuer()
	administer(t, c, func(a *Admin) {
		if err := a.RotateCA(); err != nil {
			t.Error(err)
		}
	})
	if second := issuer(); second == first || roots() != 2 {
		t.Errorf("signed by %s after %s, %d are trusted", second, first, roots())
	}
	administer(t, c, func(a *Admin) {
		if n, err := a.ForgetCA(); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
	})
	if last := issuer(); last == first || roots() != 1 {
		t.Errorf("signed by %s, %d are trusted", last, roots())
	}
}
