package world_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/ssm/mgs"
	"postern/test/world"
)

// TestReleasesOfTheAgent: what an operator lays into the data directory is in the bucket of the Region, with its
// checksum in the manifest.
func TestReleasesOfTheAgent(t *testing.T) {
	t.Parallel()
	w, bucket := world.New(t), aws.String("amazon-ssm-us-east-1")
	dir := filepath.Join(w.DataDir(), "agents", "1.2.3.4")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "postern-agent-linux-amd64"), []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.Restart() // what reconciles runs at the start, and every minute
	var found mgs.ManifestVersion
	w.Until("the manifest has the release", func() bool {
		var m mgs.Manifest
		ok := json.Unmarshal([]byte(read(t.Context(), w, bucket, mgs.ManifestKey)), &m) == nil
		if ok {
			found, ok = m.Find("postern-agent-linux-amd64", "")
		}
		return ok
	})
	body := read(t.Context(), w, bucket, mgs.ReleaseKey("1.2.3.4", "postern-agent-linux-amd64"))
	if found.Version != "1.2.3.4" || len(found.Checksum) != 64 || body != "program" {
		t.Errorf("%+v, %q", found, body)
	}
}
