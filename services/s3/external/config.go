package external

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/sigv4"
)

// Config says which S3 service keeps objects. The zero Config is none.
type Config struct {
	// Endpoint is the service's URL, "https://HOST[:PORT]". Plain HTTP is taken for this host's loopback only: bodies are
	// not signed.
	Endpoint string
	// Region is that of signatures and of new buckets there; empty is us-east-1.
	Region string
	// Prefix is put before the names of buckets there.
	Prefix string
	// AccessKey, Secret and Token are the credentials; Token is empty but for temporary ones.
	AccessKey, Secret, Token string
	// CredentialsFile has the credentials in the form of AWS's shared credentials file, of which the first profile counts.
	// It is read again when it has changed.
	CredentialsFile string
	// Log is told what the service refuses.
	Log *slog.Logger
	// Now is the clock of signatures; nil is time.Now.
	Now func() time.Time
}

var (
	prefixForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`)
	regionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
)

// maxPrefix leaves more than half of a bucket's name to who makes it; a name has 63 characters at most.
const maxPrefix = 30

// Check refuses what cannot work, and names the flag. It asks the service nothing.
func (c Config) Check() error {
	if c.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" ||
		strings.Trim(u.Path, "/") != "":
		return refuse("--s3-endpoint: write it as https://HOST or https://HOST:PORT")
	case u.User != nil:
		return refuse("--s3-endpoint: whoever lists this host's processes sees what stands in a flag: give the key in " +
			"POSTERN_S3_ACCESS_KEY_ID and POSTERN_S3_SECRET_ACCESS_KEY, or with --s3-credentials")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return refuse("--s3-endpoint %s: over plain HTTP objects could be read and changed on their way: use https, or an "+
			"address on this host's loopback", c.Endpoint)
	case c.Prefix != "" && (!prefixForm.MatchString(c.Prefix) || len(c.Prefix) > maxPrefix):
		return refuse("--s3-bucket-prefix %q: must be 1 to %d small letters, digits, dots and dashes, the first a letter or "+
			"digit", c.Prefix, maxPrefix)
	case c.Region != "" && !regionForm.MatchString(c.Region):
		return refuse("--s3-region %q: write it as us-east-1", c.Region)
	case c.CredentialsFile == "" && (c.AccessKey == "" || c.Secret == ""):
		return refuse("--s3-endpoint: the service's credentials are missing: set POSTERN_S3_ACCESS_KEY_ID and " +
			"POSTERN_S3_SECRET_ACCESS_KEY, or name a file with --s3-credentials")
	case c.CredentialsFile != "":
		_, err := readCredentials(c.CredentialsFile)
		return err
	}
	return nil
}

func refuse(format string, args ...any) error {
	return fault.New(fault.Invalid, "external.Check", format, args...)
}

// loopback reports whether a host is this one's loopback.
func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

func (c Config) withDefaults() Config {
	c.Region = cmp.Or(c.Region, legacyRegion)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// readCredentials reads the first profile of a file.
func readCredentials(path string) (sigv4.Credentials, error) {
	var key sigv4.Credentials
	f, err := os.Open(path)
	if err != nil {
		return key, fault.New(fault.Invalid, "external.readCredentials", "--s3-credentials: %w", err)
	}
	defer f.Close()
	members := map[string]*string{
		"aws_access_key_id": &key.AccessKey, "aws_secret_access_key": &key.Secret, "aws_session_token": &key.Token,
	}
	profiles := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			profiles++
		}
		name, value, _ := strings.Cut(line, "=")
		if member := members[strings.TrimSpace(name)]; member != nil && profiles <= 1 {
			*member = strings.TrimSpace(value)
		}
	}
	if err = lines.Err(); err == nil && (key.AccessKey == "" || key.Secret == "") {
		err = errors.New("its first profile has no aws_access_key_id and aws_secret_access_key")
	}
	if err != nil {
		return key, fault.New(fault.Invalid, "external.readCredentials", "--s3-credentials: %w",
			fmt.Errorf("%s: %w", path, err))
	}
	return key, nil
}
