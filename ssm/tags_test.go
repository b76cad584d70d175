package ssm_test

import (
	"testing"

	"postern/ssm"
)

// TestTheSameTagIsNamed of several that are wrong, each time.
func TestTheSameTagIsNamed(t *testing.T) {
	tags := map[string]string{"aws:a": "", "aws:b": "", "aws:c": "", "AWS:d": ""}
	want := ssm.CheckTags(tags)
	for range 50 {
		if got := ssm.CheckTags(tags); got == nil || got.Error() != want.Error() {
			t.Fatalf("%v, and before %v", got, want)
		}
	}
}
