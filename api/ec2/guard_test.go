package ec2_test

import (
	"testing"
	"time"

	"postern/api/apitest"
)

// TestGuard calls every operation as nobody and as a stranger.
func TestGuard(t *testing.T) {
	l := newHarness(t)
	apitest.Guard(t, l.handler, stranger, time.Now())
}
