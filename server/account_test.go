package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/server"
)

// TestAccount: it is chosen at the first start, stays, and a directory of an older version is of the default account.
func TestAccount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for _, bad := range []string{"12345678901", "1234567890123", "12345678901a", "１２３４５６７８９０１２"} {
		if _, err := server.Open(t.Context(), server.Config{DataDir: dir, Account: bad}); err == nil ||
			!strings.Contains(err.Error(), "12 digits") {
			t.Errorf("account %s: %v", bad, err)
		}
	}
	if _, err := server.Open(t.Context(), server.Config{DataDir: dir, DefaultVPC: true, Region: "lab-1"}); err == nil ||
		!strings.Contains(err.Error(), "--default-vpc") {
		t.Errorf("a default VPC in a Region of one's own: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a refused start made the data directory")
	}
	start := func(account, want string) {
		t.Helper()
		s, config := open(t, server.Config{DataDir: dir, Account: account})
		who, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || *who.Account != want || *who.Arn != "arn:aws:iam::"+want+":root" || s.Access().Account != want {
			t.Errorf("started for %q: %+v, %v", account, who, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	start("123456789012", "123456789012")
	start("", "123456789012")
	start("123456789012", "123456789012")
	if _, err := server.Open(t.Context(), server.Config{DataDir: dir, Account: "210987654321"}); err == nil ||
		!strings.Contains(err.Error(), "is of account 123456789012") {
		t.Errorf("with another account: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "account")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Open(t.Context(), server.Config{DataDir: dir, Account: "123456789012"}); err == nil ||
		!strings.Contains(err.Error(), "is of account 000000000000") {
		t.Errorf("a directory of an older version: %v", err)
	}
}

// TestDefaultVPC: it is there after every start that asks for it, once, and instances go into it.
func TestDefaultVPC(t *testing.T) {
	dir := t.TempDir()
	vpcs := func(asked bool) (ids []string) {
		t.Helper()
		s, config := open(t, server.Config{DataDir: dir, DefaultVPC: asked, Region: "eu-west-1"})
		client := ec2.NewFromConfig(config)
		found, err := client.DescribeVpcs(t.Context(),
			&ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"true"}}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range found.Vpcs {
			subnets, err := client.DescribeSubnets(t.Context(),
				&ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: aws.String("vpc-id"), Values: []string{*v.VpcId}}}})
			if err != nil || len(subnets.Subnets) != 3 || *v.CidrBlock != "172.31.0.0/16" {
				t.Errorf("%s has %d subnets, %v", *v.CidrBlock, len(subnets.Subnets), err)
			}
			ids = append(ids, *v.VpcId)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return ids
	}
	if none := vpcs(false); len(none) != 0 {
		t.Errorf("unasked: %v", none)
	}
	made, again := vpcs(true), vpcs(true)
	if len(made) != 1 || len(again) != 1 || made[0] != again[0] {
		t.Errorf("asked: %v, and again: %v", made, again)
	}
}
