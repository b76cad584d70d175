package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/aws/sigv4"
)

// A server is a running `postern up`, and how to reach it.
type server struct {
	*process
	data       string
	connection connection
	roots      *x509.CertPool

	ec2 *ec2.Client
	iam *iam.Client
	ssm *ssm.Client
	sts *sts.Client
}

// connection is the file that a server leaves in its data directory for clients.
type connection struct {
	Endpoint string `json:"endpoint"`
	Region   string `json:"region"`
	KeyID    string `json:"access_key_id"`
	Secret   string `json:"secret_access_key"`
	CAFile   string `json:"ca_file"`
	Join     string `json:"join"`
}

// places are the addresses of a server that starts more than once.
type places struct{ listen, wireGuard string }

// anywhere lets a server choose its addresses.
var anywhere = places{"127.0.0.1:0", "127.0.0.1:0"}

// fixed finds addresses that are free now.
func fixed() (places, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return places{}, err
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return places{}, err
	}
	return places{l.Addr().String(), p.LocalAddr().String()}, p.Close()
}

// up starts a server on a data directory and waits until it answers.
func (b *bench) up(ctx context.Context, data string, at places, flags ...string) (*server, error) {
	file := filepath.Join(data, "client.json")
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	args := append(
		[]string{
			"up",
			"--data",
			data,
			"--listen",
			at.listen,
			"--wireguard",
			at.wireGuard,
			"--agent",
			b.program("postern-agent"),
		},
		flags...)
	p, err := b.start("postern", nil, nil, b.program("postern"), args...)
	if err != nil {
		return nil, err
	}
	s := &server{process: p, data: data}
	err = until(ctx, time.Millisecond, func() (bool, error) {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return false, p.ended()
		}
		if err != nil {
			return false, err
		}
		return true, json.Unmarshal(text, &s.connection)
	})
	if err == nil {
		err = s.connect()
	}
	if err == nil {
		err = s.answers(ctx)
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("postern up: %w", err)
	}
	return s, nil
}

func (b *bench) program(name string) string {
	path, err := filepath.Abs(filepath.Join(b.bin, name))
	if err != nil {
		return filepath.Join(b.bin, name)
	}
	return path
}

// connect makes the clients.
func (s *server) connect() error {
	pem, err := os.ReadFile(s.connection.CAFile)
	if err != nil {
		return err
	}
	s.roots = x509.NewCertPool()
	if !s.roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", s.connection.CAFile)
	}
	config := aws.Config{
		Region: s.connection.Region, BaseEndpoint: &s.connection.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s.connection.KeyID, s.connection.Secret, ""),
		HTTPClient: &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.roots}, MaxIdleConnsPerHost: 16},
		},
	}
	s.ec2, s.iam = ec2.NewFromConfig(config), iam.NewFromConfig(config)
	s.ssm, s.sts = ssm.NewFromConfig(config), sts.NewFromConfig(config)
	return nil
}

// address is host:port of the API.
func (s *server) address() (string, error) {
	u, err := url.Parse(s.connection.Endpoint)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}

func (s *server) keys() sigv4.Credentials {
	return sigv4.Credentials{AccessKey: s.connection.KeyID, Secret: s.connection.Secret}
}

// answers waits for the first good answer of the API.
func (s *server) answers(ctx context.Context) error {
	return until(ctx, time.Millisecond, func() (bool, error) {
		_, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err == nil {
			return true, nil
		}
		return false, errors.Join(ctx.Err(), s.ended())
	})
}

// directory makes an empty directory that goes with the run.
func (b *bench) directory(name string) (string, error) {
	return os.MkdirTemp(b.tmp, name+"-")
}
