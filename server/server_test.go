package server_test

import (
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

	"postern/server"
	"postern/support/compute"
)

func TestMain(m *testing.M) {
	compute.InitMain()
	goleak.VerifyTestMain(m)
}

// open starts a server and returns how a client reaches it.
func open(t *testing.T, c server.Config) (*server.Server, aws.Config) {
	t.Helper()
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
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return s, aws.Config{
		Region: a.Region, BaseEndpoint: &a.Endpoint, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(a.Root.ID, a.Root.Secret, ""),
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	s, config := open(t, server.Config{DataDir: dir})
	if _, err := server.Open(t.Context(), server.Config{DataDir: dir}); err == nil {
		t.Error("a second server runs on the same data directory")
	}
	made, err := ec2.NewFromConfig(config).CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
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
	found, err := ec2.NewFromConfig(config).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{aws.ToString(made.Vpc.VpcId)}})
	if err != nil || len(found.Vpcs) != 1 {
		t.Errorf("after the restart: %v, %v", found, err)
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
