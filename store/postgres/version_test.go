package postgres

import (
	"strings"
	"testing"
)

func TestOldVersionsAreRefused(t *testing.T) {
	if err := checkVersion(oldest, "14.0"); err != nil {
		t.Error(err)
	}
	if err := checkVersion(130016, "13.16"); err == nil || !strings.Contains(err.Error(), "13.16, and 14 is") {
		t.Errorf("13.16: %v", err)
	}
}
