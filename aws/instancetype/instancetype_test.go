package instancetype_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"postern/aws/instancetype"
)

// Figures that Amazon publishes, one type of each sort.
func TestFind(t *testing.T) {
	for _, want := range []instancetype.Type{
		{"t3.xlarge", []string{"x86_64"}, 4, 16384, 4, 15, 1, "nitro", false, false},
		{"t2.micro", []string{"i386", "x86_64"}, 1, 1024, 2, 2, 1, "xen", false, false},
		{"t4g.nano", []string{"arm64"}, 2, 512, 2, 2, 1, "nitro", false, false},
		{"m5.metal", []string{"x86_64"}, 96, 393216, 15, 50, 1, "", true, false},
		{"m3.medium", []string{"x86_64"}, 1, 3840, 2, 6, 1, "xen", false, true},
		{"p5.48xlarge", []string{"x86_64"}, 192, 2097152, 64, 50, 32, "nitro", false, false},
		{"c8i.large", []string{"x86_64"}, 2, 4096, 3, 20, 1, "nitro", false, false}, // by its name
	} {
		got, ok := instancetype.Find(want.Name)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: %t %s", want.Name, ok, diff)
		}
	}
	for _, name := range []string{"", "t3", "t9.micro", "t3.xlarge ", "mac2.metal"} {
		if got, ok := instancetype.Find(name); ok {
			t.Errorf("%q is there: %+v", name, got)
		}
	}
}

// Every type is one that the AWS SDK knows, named once and in order, and the usual families are whole.
func TestAll(t *testing.T) {
	all := instancetype.All()
	known := types.InstanceType("").Values()
	count := map[string]int{}
	for i, one := range all {
		if i > 0 && all[i-1].Name >= one.Name {
			t.Errorf("%s stands after %s", one.Name, all[i-1].Name)
		}
		if !slices.Contains(known, types.InstanceType(one.Name)) {
			t.Errorf("the SDK does not know %s", one.Name)
		}
		if one.Burstable() {
			count["burstable"]++
		}
		for _, a := range one.Architectures {
			count[a]++
		}
	}
	for what, least := range map[string]int{"burstable": 28, "x86_64": 900, "arm64": 400, "i386": 6} {
		if count[what] < least {
			t.Errorf("only %d types of %s", count[what], what)
		}
	}
}
