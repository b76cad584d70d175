package compute_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/services/compute"
	"postern/services/compute/userdata"
)

// rootWith is a root file system with more files in it.
func rootWith(t *testing.T, more map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	more["bin/sh"] = string(shell)
	for name, text := range more {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const accounts = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
ec2-user:x:1000:1000::/home/ec2-user:/bin/bash
someone:x:1001:1001::/home/someone:/bin/bash
broken:x
`

// TestAuthorizedKeys: an instance's key lets in root and the image's login where there is an SSH server, and nobody
// where there is none or no key.
func TestAuthorizedKeys(t *testing.T) {
	images := map[string]string{
		"with-server": rootWith(t, map[string]string{"usr/sbin/sshd": "", "etc/passwd": accounts}),
		"without":     rootWith(t, map[string]string{"etc/passwd": accounts}),
		"nobody":      rootWith(t, map[string]string{"usr/sbin/sshd": ""}),
	}
	simulate(t, func(t *testing.T, r *rig) {
		k, _, err := r.CreateKeyPair(t.Context(), compute.NewKeyPair{Scope: home, Name: "mine", Type: compute.ED25519Key})
		if err != nil {
			t.Fatal(err)
		}
		entry := func(path, login string) userdata.File {
			return userdata.File{Path: path, Owner: login, Content: []byte(k.Public + "\n"), Mode: 0o600, Append: true}
		}
		n := 0
		for _, tt := range []struct {
			image, key string
			want       []userdata.File
		}{
			{
				"with-server", "mine",
				[]userdata.File{
					entry("/root/.ssh/authorized_keys", "root"), entry("/home/ec2-user/.ssh/authorized_keys", "ec2-user"),
				},
			},
			{"with-server", "", nil},
			{"without", "mine", nil},
			{"nobody", "mine", nil},
		} {
			i, ok := byName(r, tt.image)
			if !ok {
				if i, err = r.Import(t.Context(), compute.Import{Scope: home, Name: tt.image, Path: images[tt.image]}); err != nil {
					t.Fatal(err)
				}
			}
			n++
			made := r.launch(t, func(l *compute.Launch) {
				l.Image, l.KeyName, l.Placements = i.ID, tt.key, []compute.Placement{place(n)}
			})
			if diff := cmp.Diff(tt.want, r.bench.files[made.ID]); diff != "" {
				t.Errorf("%s with key %q (-want +got):\n%s", tt.image, tt.key, diff)
			}
		}
	})
}

func byName(r *rig, name string) (compute.Image, bool) {
	for _, i := range r.Images(home) {
		if i.Name == name {
			return i, true
		}
	}
	return compute.Image{}, false
}

// TestKeyPairsStay: they survive a restart, belong to one account and Region, and one that the store does not take is
// none.
func TestKeyPairsStay(t *testing.T) {
	simulate(t, func(t *testing.T, r *rig) {
		elsewhere := scope.Scope{Account: home.Account, Region: "eu-west-1"}
		k, _, err := r.CreateKeyPair(
			t.Context(),
			compute.NewKeyPair{Scope: home, Name: "mine", Type: compute.ED25519Key, Tags: map[string]string{"a": "b"}},
		)
		if err != nil {
			t.Fatal(err)
		}
		r.store.Fail(fault.New(fault.Unavailable, "memory", "the disk is full"))
		lost := compute.NewKeyPair{Scope: home, Name: "lost", Type: compute.ED25519Key}
		if _, _, err := r.CreateKeyPair(t.Context(), lost); err == nil {
			t.Error("one is made that the store does not take")
		}
		if err := r.DeleteKeyPair(t.Context(), home, k.ID); err == nil {
			t.Error("one goes that stays in the store")
		}
		r.store.Fail(nil)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		open(t, r)
		if diff := cmp.Diff([]compute.KeyPair{k}, r.KeyPairs(home)); diff != "" {
			t.Errorf("after a restart (-want +got):\n%s", diff)
		}
		if _, err := r.KeyPair(elsewhere, "mine"); err == nil {
			t.Error("it is in another Region as well")
		}
		made := r.launch(t, func(l *compute.Launch) { l.KeyName = "mine" })
		if err := r.DeleteKeyPair(t.Context(), home, k.ID); err != nil {
			t.Fatal(err)
		}
		left, err := r.store.List(t.Context(), record.Listing{Kind: "key-pair"})
		if made.PublicKey != k.Public || len(r.KeyPairs(home)) != 0 || len(left) != 0 || err != nil {
			t.Errorf("the instance has %q; left are %v, %v", made.PublicKey, left, err)
		}
	})
}

// FuzzImportKeyPair: whatever is taken for a key is one that is taken again, with the same fingerprint.
func FuzzImportKeyPair(f *testing.F) {
	const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
	for _, seed := range []string{
		"ssh-ed25519 " + blob + " me@here",
		"---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"a\\\nb\"\n" + blob + "\n---- END SSH2 PUBLIC KEY ----",
		"MCowBQYDK2VwAyEA4yqqeRXOubRJ0bpQ6ioouxpuAfkL2iRaLR2HaX0YomU=", "no-pty ssh-ed25519 " + blob,
		"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAA==", "",
	} {
		f.Add([]byte(seed))
	}
	s, err := compute.Open(
		f.Context(),
		compute.Config{
			Store:    new(record.Memory),
			Network:  newBench(),
			Launcher: newBench(),
			Dir:      f.TempDir(),
			Agent:    "postern-agent",
		},
	)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, material []byte) {
		k, err := s.ImportKeyPair(t.Context(), compute.NewKeyPair{Scope: home, Name: "k"}, material)
		if err != nil {
			return
		}
		if err := s.DeleteKeyPair(t.Context(), home, k.ID); err != nil {
			t.Fatal(err)
		}
		again, err := s.ImportKeyPair(t.Context(), compute.NewKeyPair{Scope: home, Name: "k"}, []byte(k.Public))
		if err != nil || again.Fingerprint != k.Fingerprint || again.Public != k.Public {
			t.Errorf("%q is taken as %q, and that as %q (%v)", material, k.Public, again.Public, err)
		}
		if err := s.DeleteKeyPair(t.Context(), home, again.ID); err != nil {
			t.Fatal(err)
		}
	})
}
