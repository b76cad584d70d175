package cli

import (
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

	"postern/aws/service/ec2"
	"postern/aws/service/iam"
	"postern/aws/service/route53resolver"
	"postern/aws/service/ssm"
	"postern/aws/service/sts"
	"postern/aws/transport"
)

// Connection is how a client reaches a Postern: what `postern env` prints.
type Connection struct {
	Endpoint        string `json:"endpoint"`
	Region          string `json:"region"`
	Account         string `json:"account"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	SessionToken    string `json:"session_token,omitempty"`
	// CAFile is the path of the PEM file to trust.
	CAFile string `json:"ca_file"`
	// Join is where machines that are not instances join (host:port, UDP).
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

// connection is the one that the environment names (as any AWS tool would use it), else the data directory's.
func (a *app) connection() (Connection, error) {
	if endpoint := os.Getenv("AWS_ENDPOINT_URL"); endpoint != "" {
		return Connection{
			Endpoint: endpoint, Region: firstEnv("AWS_REGION", "AWS_DEFAULT_REGION"), Account: os.Getenv("AWS_ACCOUNT_ID"),
			AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken: os.Getenv("AWS_SESSION_TOKEN"), CAFile: os.Getenv("AWS_CA_BUNDLE"),
		}, nil
	}
	data, err := os.ReadFile(filepath.Join(a.dataDir, connectionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Connection{}, fmt.Errorf("no Postern has run with the data directory %s: start one with `postern up`, name its directory with --data, or set AWS_ENDPOINT_URL", a.dataDir)
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
	ec2 *ec2.Client
	iam *iam.Client
	ssm *ssm.Client
	sts *sts.Client

	resolver *route53resolver.Client
}

func (c Connection) clients() (*clients, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	return &clients{
		ec2: ec2.NewFromConfig(config), iam: iam.NewFromConfig(config),
		ssm: ssm.NewFromConfig(config), sts: sts.NewFromConfig(config), resolver: route53resolver.NewFromConfig(config),
	}, nil
}

func (c Connection) config() (aws.Config, error) {
	base := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return aws.Config{}, fmt.Errorf("read the CA: %w", err)
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
	vars := []string{
		"AWS_ENDPOINT_URL=" + c.Endpoint, "AWS_CA_BUNDLE=" + c.CAFile,
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
