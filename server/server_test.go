package server_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.uber.org/goleak"

	"postern/aws/transport"
	"postern/server"
	"postern/services/compute"
	s3program "postern/services/s3/embedded/program"
	"postern/store/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	compute.InitMain()
	s3program.InitMain()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		postgrestest.Stop()
		os.Exit(code)
	}))
}

// open starts a server and returns how a client reaches it.
func open(t *testing.T, c server.Config) (*server.Server, aws.Config) {
	t.Helper()
	c.ObjectStore = cmp.Or(c.ObjectStore, "/proc/self/exe")
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	a := s.Access()
	pem, err := os.ReadFile(a.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(base.CloseIdleConnections)
	return s, aws.Config{
		Region: a.Region, BaseEndpoint: &a.Endpoint, HTTPClient: transport.Client(&http.Client{Transport: base}),
		Credentials: credentials.NewStaticCredentialsProvider(a.Root.ID, a.Root.Secret, ""),
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	s, config := open(t, server.Config{DataDir: dir})
	if _, err := server.Open(t.Context(), server.Config{DataDir: dir}); err == nil {
		t.Error("a second server runs on the same data directory")
	}
	made, err := ec2.NewFromConfig(config).
		CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	before := s.Access()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, config = open(t, server.Config{DataDir: dir})
	if after := s.Access(); after.Root != before.Root {
		t.Error("the root key has changed")
	}
	found, err := ec2.NewFromConfig(config).
		DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{aws.ToString(made.Vpc.VpcId)}})
	if err != nil || len(found.Vpcs) != 1 {
		t.Errorf("after the restart: %v, %v", found, err)
	}
}

func TestTheDataDirectoryIsNobodyElses(t *testing.T) {
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if s, err := server.Open(t.Context(), server.Config{DataDir: shared}); err == nil {
		t.Errorf("keys are kept where everybody may put others in their place: %v", s.Close())
	}
	dir := t.TempDir()
	open(t, server.Config{DataDir: dir})
	public := map[string]os.FileMode{"ca-certificate.pem": 0o644, "compute": 0o700 | os.ModeDir}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 8 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			continue // of the check whether instances work
		}
		want, ok := public[f.Name()]
		if !ok && !f.IsDir() {
			want, ok = 0o600, true
		}
		if ok && info.Mode() != want {
			t.Errorf("%s: %v, want %v", f.Name(), info.Mode(), want)
		}
	}
}

func TestEphemeralLeavesNothing(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	s, config := open(t, server.Config{Account: "123456789012", Region: "eu-west-1"})
	who, err := sts.NewFromConfig(config).GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(who.Arn) != "arn:aws:iam::123456789012:root" {
		t.Errorf("identity %v, %v", who, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
