package fault_test

import (
	"testing"

	"postern/aws/fault"
)

// TestAll: several ids that name nothing are named together, in the request's order and in Amazon's plural.
func TestAll(t *testing.T) {
	get := func(format string) func(string) (string, error) {
		return func(id string) (string, error) {
			switch id {
			case "there":
				return id, nil
			case "?":
				return "", fault.New(fault.Invalid, "test", "Invalid id: \"%s\"", id)
			}
			return "", fault.New(fault.NotFound, "test", format, id).WithCode("InvalidID.NotFound")
		}
	}
	for _, tt := range []struct {
		format string
		ids    []string
		want   string
	}{
		{"The vpc ID '%s' does not exist", []string{"there"}, ""},
		{"The vpc ID '%s' does not exist", []string{"there", "b"}, "The vpc ID 'b' does not exist"},
		{"The vpc ID '%s' does not exist", []string{"b", "there", "a", "b"}, "The vpc IDs 'b, a' do not exist"},
		{"The vpc ID '%s' does not exist", []string{"b", "?", "a"}, "Invalid id: \"?\""},
		{"The image id '[%s]' does not exist", []string{"b", "a"}, "The image ids '[b, a]' do not exist"},
		{"The security group '%s' does not exist", []string{"b", "a"}, "The security groups 'b, a' do not exist"},
		{"The volume '%s' does not exist.", []string{"b", "a"}, "The volumes 'b, a' do not exist."},
		{
			"The following supplied instance types do not exist: [%s]", []string{"b", "a"},
			"The following supplied instance types do not exist: [b, a]",
		},
		{"are not found: [TotalCount: 1] %s", []string{"b", "a"}, "are not found: [TotalCount: 2] b, a"},
		{"Address '%s' not found.", []string{"b", "a"}, "Address 'b, a' not found."},
	} {
		found, err := fault.All(tt.ids, get(tt.format))
		if (err == nil) != (tt.want == "") || err != nil && fault.Of(err).Message != tt.want {
			t.Errorf("%v: %v, want %q", tt.ids, err, tt.want)
		}
		if err == nil && len(found) != len(tt.ids) {
			t.Errorf("%v: found %v", tt.ids, found)
		}
	}
}
