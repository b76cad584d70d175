package store_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/aws/scope"
	"postern/services/compute"
	"postern/store"
)

func TestCompute(t *testing.T) {
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			reopen := engine.opener(t)
			launched := time.Date(2026, 11, 21, 12, 0, 0, 5, time.UTC)
			instance := compute.Instance{
				ID: "i-1", Scope: scope.Scope{Account: "000000000000", Region: "us-east-1"}, State: compute.Running,
				Placement: compute.Placement{Interface: "eni-1", Address: netip.MustParsePrefix("10.0.1.4/24"), Gateway: netip.MustParseAddr("10.0.1.1")},
				UserData:  []byte{0, 255, 'x'}, Tags: map[string]string{"Name": "é"}, Launched: launched,
				Metadata: compute.MetadataOptions{TokensRequired: true, HopLimit: 2},
			}
			image := compute.Image{ID: "ami-1", Name: "debian", Created: launched, Size: 7}
			keyPair := compute.KeyPair{ID: "key-1", Name: "mine", Type: compute.RSAKey, Public: "ssh-rsa AA mine", Created: launched}
			check := func(db *store.DB, want compute.Records) {
				t.Helper()
				got, err := store.ComputeOf(db).Load(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				compare := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
				addresses := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
				if diff := cmp.Diff(want, got, compare, addresses); diff != "" {
					t.Errorf("records (-want +got):\n%s", diff)
				}
			}
			db := reopen()
			check(db, compute.Records{})
			err := store.ComputeOf(db).Commit(t.Context(), compute.Changes{
				Instances: []compute.Instance{instance}, Images: []compute.Image{image}, KeyPairs: []compute.KeyPair{keyPair},
			})
			if err != nil {
				t.Fatal(err)
			}
			check(reopen(), compute.Records{
				Instances: []compute.Instance{instance}, Images: []compute.Image{image}, KeyPairs: []compute.KeyPair{keyPair},
			})
			instance.State = compute.Stopped
			err = store.ComputeOf(db).Commit(t.Context(), compute.Changes{
				Instances: []compute.Instance{instance}, Forget: []string{"i-9"}, ForgetImages: []string{"ami-1"}, ForgetKeyPairs: []string{"key-1"},
			})
			if err != nil {
				t.Fatal(err)
			}
			check(reopen(), compute.Records{Instances: []compute.Instance{instance}})
		})
	}
}
