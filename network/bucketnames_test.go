package network_test

import (
	"testing"

	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
)

// TestNamesOfS3: S3's names, and those of every bucket, lead to its public addresses, which lie in the prefix list of
// their own region and of no other.
func TestNamesOfS3(t *testing.T) {
	l := newHarness(t, network.Limits{})
	in := func(region string, n int) bool {
		for list := range l.State().PrefixLists(scope.Scope{Account: here.Account, Region: region}) {
			a := l.Snapshot().Resolve(l.vpc, "s3.us-east-1.amazonaws.com", vpc.TypeA).Addresses
			if len(a) == 1 && list.Entries[n].CIDR.Contains(a[0]) {
				return true
			}
		}
		return false
	}
	if !in("us-east-1", 0) || in("eu-west-1", 0) || in("eu-west-1", 1) {
		t.Error("S3's address is not in its region's prefix list alone")
	}
	own := l.Snapshot().Resolve(l.vpc, "s3.us-east-1.amazonaws.com", vpc.TypeA).Addresses[0]
	west := l.Snapshot().Resolve(l.vpc, "s3.eu-west-1.amazonaws.com", vpc.TypeA).Addresses[0]
	for _, tt := range []struct {
		name string
		want string
	}{
		{"bucket.s3.us-east-1.amazonaws.com", own.String()},
		{"Bucket.With.Dots.s3.us-east-1.amazonaws.com.", own.String()},
		{"s3-us-east-1.amazonaws.com", own.String()},
		{"bucket.s3-us-east-1.amazonaws.com", own.String()},
		{"s3.dualstack.us-east-1.amazonaws.com", own.String()},
		{"bucket.s3.dualstack.us-east-1.amazonaws.com", own.String()},
		{"s3.amazonaws.com", own.String()},
		{"aws-ssm-us-east-1.s3.amazonaws.com", own.String()},
		{"amazon-ssm-eu-west-1.s3.eu-west-1.amazonaws.com", west.String()},
		{"bucket.s3-eu-west-1.amazonaws.com", west.String()},
		{"s3.nowhere-1.amazonaws.com", ""},
		{"s3.us-east-1.example.com", ""},
		{"xs3.us-east-1.amazonaws.com", ""},
		{"s3x.amazonaws.com", ""},
	} {
		a := l.Snapshot().Resolve(l.vpc, tt.name, vpc.TypeA)
		got := ""
		if len(a.Addresses) == 1 {
			got = a.Addresses[0].String()
		}
		if got != tt.want {
			t.Errorf("%s is %q, want %q", tt.name, got, tt.want)
		}
	}
	if a := l.Snapshot().Resolve(l.vpc, "s3.us-east-1.amazonaws.com", vpc.TypeAAAA); a.Status != vpc.NameNoData {
		t.Errorf("its IPv6 address: %+v", a)
	}
}
