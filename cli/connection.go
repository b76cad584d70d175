package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"postern/aws/postern"
	"postern/aws/service/ec2"
	"postern/aws/service/iam"
	"postern/aws/service/ssm"
	"postern/aws/service/sts"
	"postern/aws/transport"
	"postern/doctor"
)

// Connection tells how a client reaches a Postern: what `postern env` prints.
type Connection struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	Account         string `json:"account"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	SessionToken    string `json:"session_token,omitempty"`
	// CAFile is the path of the PEM file to trust.
	CAFile string `json:"ca_file"`
	// Join holds the address at which machines that are not instances join (host:port, UDP).
	Join string `json:"join,omitempty"`
}

// connectionFile is the file in the data directory that a running server leaves for clients of the same user.
const connectionFile = "client.json"

// save writes the connection so that only its owner can read it.
func (c Connection) save(dataDir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dataDir, connectionFile)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// connection is, in this order: that of the data directory or the profile that were typed; the one that the
// environment names, as any AWS tool would use it; that of the profile in the environment, where it is a Postern's;
// the data directory's.
func (a *app) connection() (c Connection, err error) {
	defer func() { a.endpoint = c.Endpoint }()
	switch profile := os.Getenv("AWS_PROFILE"); {
	case a.dataGiven && a.profile != "":
		return c, mistyped("--data and --profile both name a server: give one of them")
	case a.dataGiven:
		return a.kept()
	case a.profile != "":
		p, err := readProfile(a.profile)
		if err == nil && p.Endpoint == "" {
			err = mistyped("profile %q names no endpoint_url: postern configure --profile %s writes one", a.profile,
				shellQuote(a.profile))
		}
		return p, err
	case os.Getenv("AWS_ENDPOINT_URL") != "":
		return fromEnvironment(), nil
	case profile != "":
		// A profile without an endpoint is one of Amazon's, and nobody's here.
		if p, err := readProfile(profile); err == nil && p.Endpoint != "" {
			return p, nil
		}
	}
	return a.kept()
}

// fromEnvironment returns the connection of the variables that AWS tools read. Where there is no key among them it is
// the profile's, as for these tools.
func fromEnvironment() Connection {
	c := Connection{
		Endpoint:    os.Getenv("AWS_ENDPOINT_URL"),
		Region:      firstEnv("AWS_REGION", "AWS_DEFAULT_REGION"),
		Account:     os.Getenv("AWS_ACCOUNT_ID"),
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"), CAFile: os.Getenv("AWS_CA_BUNDLE"),
	}
	if profile := os.Getenv("AWS_PROFILE"); c.AccessKeyID == "" && profile != "" {
		if p, err := readProfile(profile); err == nil {
			c.AccessKeyID, c.SecretAccessKey, c.SessionToken = p.AccessKeyID, p.SecretAccessKey, p.SessionToken
			c.CAFile = cmp.Or(c.CAFile, p.CAFile)
		}
	}
	return c
}

// noConnectionError says that nothing tells which server is meant.
type noConnectionError struct{ dataDir string }

func (e *noConnectionError) Error() string {
	return fmt.Sprintf("no Postern has run with the data directory %s: start one with `postern up`, name its directory "+
		"with --data, a profile with --profile, or set AWS_ENDPOINT_URL", e.dataDir)
}

// noAnswerError says that nothing listens where the server should.
type noAnswerError struct{ endpoint string }

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("no Postern answers at %s: start it with postern up", e.endpoint)
}

// kept returns the connection that the data directory's server has left.
func (a *app) kept() (Connection, error) {
	data, err := os.ReadFile(filepath.Join(a.dataDir, connectionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Connection{}, &noConnectionError{a.dataDir}
	}
	if err != nil {
		return Connection{}, err
	}
	var c Connection
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("read %s: %w", connectionFile, err)
	}
	return c, nil
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return "us-east-1"
}

// clients are the AWS APIs that the commands speak.
type clients struct {
	ec2    *ec2.Client
	iam    *iam.Client
	ssm    *ssm.Client
	sts    *sts.Client
	doctor doctor.Clients
	// postern is Postern's own API.
	postern *postern.Client
}

func (c Connection) clients() (*clients, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	return &clients{
		ec2:    ec2.NewFromConfig(config),
		iam:    iam.NewFromConfig(config),
		ssm:    ssm.NewFromConfig(config),
		sts:    sts.NewFromConfig(config),
		doctor: doctor.NewClients(config),

		postern: postern.NewFromConfig(config),
	}, nil
}

func (c Connection) config() (aws.Config, error) {
	base := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if errors.Is(err, fs.ErrNotExist) && !answers(context.Background(), c.Endpoint) {
			return aws.Config{}, &noAnswerError{c.Endpoint} // an ephemeral server's CA goes with it
		}
		if err != nil {
			return aws.Config{}, fmt.Errorf("read the CA, which AWS_CA_BUNDLE, the profile or the data directory names: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return aws.Config{}, fmt.Errorf("%s holds no certificate", c.CAFile)
		}
		base.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return aws.Config{
		Region:       c.Region,
		BaseEndpoint: aws.String(c.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken),
		HTTPClient:   transport.Client(&http.Client{Transport: base}),
	}, nil
}

// open gives the clients of the connection that the flags and the environment name.
func (a *app) open() (*clients, Connection, error) {
	c, err := a.connection()
	if err != nil {
		return nil, c, err
	}
	cl, err := c.clients()
	return cl, c, err
}

// environment lists the variables that AWS tools read.
func (c Connection) environment() []string {
	// Node.js reads a variable of its own instead of AWS_CA_BUNDLE, and adds what it names to the CAs that it knows.
	vars := []string{
		"AWS_ENDPOINT_URL=" + c.Endpoint, "AWS_CA_BUNDLE=" + c.CAFile, "NODE_EXTRA_CA_CERTS=" + c.CAFile,
		"AWS_REGION=" + c.Region, "AWS_DEFAULT_REGION=" + c.Region,
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey,
	}
	if c.SessionToken != "" {
		vars = append(vars, "AWS_SESSION_TOKEN="+c.SessionToken)
	}
	return vars
}

// shellQuote makes a value safe for any POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
