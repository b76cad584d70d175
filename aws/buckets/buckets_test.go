package buckets_test

import (
	"strings"
	"testing"

	"postern/aws/buckets"
)

// TestOf: a region has its buckets with the names that Amazon's guide gives, and Bahrain its two.
func TestOf(t *testing.T) {
	for region, names := range map[string]string{
		"us-east-1":    "patch-baseline-snapshot-us-east-1 aws-ssm-us-east-1 aws-patch-manager-us-east-1-1970c647d",
		"me-south-1":   "patch-baseline-snapshot-me-south-1-uduvl7q8 aws-patch-manager-me-south-1-a53fc9dce",
		"cn-north-1":   "patch-baseline-snapshot-cn-north-1 aws-ssm-cn-north-1",
		"xx-nowhere-1": "",
	} {
		var patch []string
		update := 0
		for _, b := range buckets.Of(region) {
			switch b.Use {
			case buckets.Patch:
				patch = append(patch, b.Name)
			case buckets.AgentUpdate:
				update++
			}
			if b.Use != buckets.Other && b.Key == "" {
				t.Errorf("%s: no key", b.Name)
			}
		}
		if got := strings.Join(patch, " "); got != names || (names != "") != (update == 1) {
			t.Errorf("%s: %s, %d for updates", region, got, update)
		}
	}
	seen := map[string]bool{}
	for _, region := range buckets.Regions() {
		for _, b := range buckets.Of(region) {
			if seen[b.Name] || len(b.Name) > 63 || !strings.Contains(b.Name, region) {
				t.Errorf("%s in %s", b.Name, region)
			}
			seen[b.Name] = true
		}
	}
	if len(seen) < 350 {
		t.Errorf("only %d buckets", len(seen))
	}
}
