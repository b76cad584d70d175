package route53resolver_test

import (
	"os"
	"testing"

	"postern/api/access/accesstest"
	"postern/api/apitest"
)

// TestMain looks, after a run of all tests, whether they walked the whole table.
func TestMain(m *testing.M) {
	os.Exit(accesstest.Walked.Exit(m.Run(), apitest.Whole{Service: "route53resolver"}))
}
