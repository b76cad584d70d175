package vpc_test

import (
	"slices"
	"testing"

	"postern/network/vpc"
)

// follow returns the snapshot after s, with one more peering.
func follow(t *testing.T, s *vpc.Snapshot, id, requester, accepter string) *vpc.Snapshot {
	t.Helper()
	p := vpc.Peering{ID: id, Requester: requester, Accepter: accepter}
	next, err := s.With(s.Version()+1, nil, vpc.Shared{Peerings: []vpc.Peering{p}})
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func TestChangedSince(t *testing.T) {
	first := snapshot(t, sample(withPeer(true, "us-east-1")))
	second := follow(t, first, "pcx-2", "vpc-1", "vpc-7")
	third := follow(t, second, "pcx-3", "vpc-1", "vpc-5")
	other := follow(t, first, "pcx-4", "vpc-8", "vpc-9")
	internet, err := third.With(4, nil, vpc.Shared{Internet: new(vpc.Internet)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		after, before *vpc.Snapshot
		all           bool
		vpcs          []string
	}{
		{"nothing", second, second, false, nil},
		{"one", second, first, false, []string{"vpc-1", "vpc-7"}},
		{"the last of two", third, second, false, []string{"vpc-1", "vpc-5"}},
		{"two", third, first, false, []string{"vpc-1", "vpc-5", "vpc-7"}},
		{"the Internet on the way", internet, first, true, []string{"vpc-1", "vpc-5", "vpc-7"}},
		{"backwards", first, second, true, nil},
		{"another branch", third, other, true, nil},
		{"no snapshot", third, nil, true, nil},
		{"an empty snapshot", third, new(vpc.Snapshot), true, nil},
		{"made from nothing", snapshot(t, sample(withPeer(true, "us-east-1"))), first, true, nil},
	} {
		got := tt.after.ChangedSince(tt.before)
		if got.All != tt.all || !slices.Equal(got.VPCs, tt.vpcs) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got := third.Changed(); got.All || !slices.Equal(got.VPCs, []string{"vpc-1", "vpc-5"}) {
		t.Errorf("Changed = %+v", got)
	}
	if got := new(vpc.Snapshot).Changed(); got.All || got.VPCs != nil {
		t.Errorf("Changed of an empty snapshot = %+v", got)
	}
}

// TestChangedSinceForgets: what lies 64 snapshots back is known, and what lies further back is not.
func TestChangedSinceForgets(t *testing.T) {
	first := snapshot(t, sample(withPeer(true, "us-east-1")))
	s := first
	for range 64 {
		s = follow(t, s, "pcx-2", "vpc-1", "vpc-7")
	}
	if got := s.ChangedSince(first); got.All {
		t.Errorf("64 snapshots later: %+v", got)
	}
	if got := follow(t, s, "pcx-2", "vpc-1", "vpc-7").ChangedSince(first); !got.All {
		t.Errorf("65 snapshots later: %+v", got)
	}
}
