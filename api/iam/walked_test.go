package iam_test

import (
	"os"
	"testing"

	"postern/api/access/accesstest"
	"postern/api/apitest"
)

// unwalked are operations that no test here calls with success, and why.
var unwalked = map[string]string{
	"DeleteLoginProfile":       "no user has a login profile: it answers NoSuchEntity",
	"GetAccountPasswordPolicy": "no account has a password policy: it answers NoSuchEntity",
}

// TestMain looks, after a run of all tests, whether they walked the whole table.
func TestMain(m *testing.M) {
	os.Exit(accesstest.Walked.Exit(m.Run(), apitest.Whole{Service: "iam", Unwalked: unwalked}))
}
