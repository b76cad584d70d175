package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"postern/ssm/mgs"
)

// releases puts the agents' programs that an operator has laid into the data directory, as agents/VERSION/FILE, into
// the bucket of the server's Region, with a manifest of them all.
type releases struct {
	dir, region string
	put         func(ctx context.Context, bucket, key string, body []byte) error
	seen        map[string]time.Time // of the files that are in the bucket, by path
}

func (r *releases) run(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(r.dir, "*", mgs.AgentPackage+"-*"))
	if err != nil {
		return err
	}
	var m mgs.Manifest
	bucket, fresh, seen := "amazon-ssm-"+r.region, false, map[string]time.Time{}
	for _, path := range files {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		version, file := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		sum := sha256.Sum256(body)
		m.Add(file, mgs.ManifestVersion{Version: version, Checksum: hex.EncodeToString(sum[:]), Status: "Active"})
		if seen[path] = info.ModTime(); r.seen[path].Equal(info.ModTime()) {
			continue
		}
		fresh = true
		if err := r.put(ctx, bucket, mgs.ReleaseKey(version, file), body); err != nil {
			return fmt.Errorf("publish %s: %w", path, err)
		}
	}
	if !fresh && len(seen) == len(r.seen) {
		return nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := r.put(ctx, bucket, mgs.ManifestKey, text); err != nil {
		return err
	}
	r.seen = seen
	return nil
}
