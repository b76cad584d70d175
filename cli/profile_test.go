package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// settings puts text into the AWS tools' files, and names them.
func settings(t *testing.T, config, credentials string) (configFile, credentialsFile string) {
	t.Helper()
	dir := t.TempDir()
	configFile, credentialsFile = filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	t.Setenv("AWS_CONFIG_FILE", configFile)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentialsFile)
	for _, v := range []string{"AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_CA_BUNDLE"} {
		t.Setenv(v, "")
	}
	for path, text := range map[string]string{configFile: config, credentialsFile: credentials} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return configFile, credentialsFile
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var lab = Connection{
	Endpoint:        "https://127.0.0.1:4566",
	Region:          "us-east-1",
	CAFile:          "/ca.pem",
	AccessKeyID:     "AKIA",
	SecretAccessKey: "s/=+",
}

const labConfig = "endpoint_url = https://127.0.0.1:4566\nregion = us-east-1\nca_bundle = /ca.pem\n"

// A profile is added or changed, and nothing else in the files.
func TestWriteProfile(t *testing.T) {
	for _, tt := range []struct{ name, before, after string }{
		{"no file", "", "[profile lab]\n" + labConfig},
		{"others", "# mine\n[default]\nregion = eu-west-1\n",
			"# mine\n[default]\nregion = eu-west-1\n\n[profile lab]\n" + labConfig},
		{"no new line at the end", "[default]", "[default]\n\n[profile lab]\n" + labConfig},
		{"an earlier Postern's, among others",
			"[profile lab]\n# keep\nendpoint_url=https://old\noutput = json\ns3 =\n  max = 1\n\n[profile z]\na = b\n",
			"[profile lab]\n# keep\nendpoint_url = https://127.0.0.1:4566\noutput = json\ns3 =\n  max = 1\nregion = " +
				"us-east-1\nca_bundle = /ca.pem\n\n[profile z]\na = b\n"},
		{"with quotes", "[profile \"lab\"]\nendpoint_url = x\n", "[profile \"lab\"]\n" + labConfig},
	} {
		config, credentials := settings(t, tt.before, "[other]\naws_access_key_id = X\n")
		for range 2 { // the second time changes nothing
			if err := writeProfile("lab", lab, false); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if diff := cmp.Diff(tt.after, read(t, config)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
		want := "[other]\naws_access_key_id = X\n\n[lab]\naws_access_key_id = AKIA\naws_secret_access_key = s/=+\n"
		if diff := cmp.Diff(want, read(t, credentials)); diff != "" {
			t.Errorf("%s: credentials (-want +got):\n%s", tt.name, diff)
		}
		if info, err := os.Stat(credentials); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: the mode of the file changed: %v %v", tt.name, info.Mode(), err)
		}
		if got, err := readProfile("lab"); err != nil || got != lab {
			t.Errorf("%s: read %+v, %v", tt.name, got, err)
		}
	}
}

func TestNewFilesAreTheirOwnersAlone(t *testing.T) {
	config, credentials := settings(t, "", "")
	if err := writeProfile("lab", lab, false); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{config, credentials} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

// A profile that leads to AWS is somebody's work.
func TestProfilesOfOthersStay(t *testing.T) {
	for _, tt := range []struct{ config, credentials string }{
		{"[profile lab]\nrole_arn = x\n", ""}, {"", "[lab]\naws_access_key_id = X\n"},
	} {
		config, credentials := settings(t, tt.config, tt.credentials)
		if err := writeProfile("lab", lab, false); err == nil || !strings.Contains(err.Error(), "--overwrite") {
			t.Errorf("%v", err)
		}
		for path, want := range map[string]string{config: tt.config, credentials: tt.credentials} {
			if got, _ := os.ReadFile(path); string(got) != want {
				t.Errorf("%q became %q", want, got)
			}
		}
		if err := writeProfile("lab", lab, true); err != nil {
			t.Error(err)
		}
	}
}

// Which server is meant: what was typed goes before the environment, and that before what a server left.
func TestWhichServer(t *testing.T) {
	settings(t, "[profile lab]\nendpoint_url = https://lab\n[profile amazon]\nregion = eu-west-1\n", "")
	dir := t.TempDir()
	if err := (Connection{Endpoint: "https://kept"}).save(dir); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		app           app
		url, profile  string
		want, failure string
	}{
		{app{dataDir: dir}, "", "", "https://kept", ""},
		{app{dataDir: dir}, "https://env", "", "https://env", ""},
		{app{dataDir: dir}, "https://env", "lab", "https://env", ""},
		{app{dataDir: dir}, "", "lab", "https://lab", ""},
		{app{dataDir: dir}, "", "amazon", "https://kept", ""},
		{app{dataDir: dir}, "", "nobody", "https://kept", ""},
		{app{dataDir: dir, dataGiven: true}, "https://env", "lab", "https://kept", ""},
		{app{dataDir: dir, profile: "lab"}, "https://env", "amazon", "https://lab", ""},
		{app{dataDir: dir, profile: "amazon"}, "", "", "", "names no endpoint_url"},
		{app{dataDir: dir, profile: "nobody"}, "", "", "", "no profile"},
		{app{dataDir: dir, dataGiven: true, profile: "lab"}, "", "", "", "give one of them"},
		{app{dataDir: dir + "/none"}, "", "", "", "no Postern has run"},
	} {
		t.Setenv("AWS_ENDPOINT_URL", tt.url)
		t.Setenv("AWS_PROFILE", tt.profile)
		c, err := tt.app.connection()
		if c.Endpoint != tt.want || (err != nil) != (tt.failure != "") ||
			err != nil && !strings.Contains(err.Error(), tt.failure) {
			t.Errorf("%+v, url %q, profile %q: %q, %v", tt.app, tt.url, tt.profile, c.Endpoint, err)
		}
	}
}
