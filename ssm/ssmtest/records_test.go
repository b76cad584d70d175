package ssmtest_test

import (
	"testing"

	"postern/ssm"
	"postern/ssm/ssmtest"
)

func TestMemory(t *testing.T) {
	stores := map[*testing.T]*ssmtest.Records{}
	ssmtest.TestRecords(t, func(t *testing.T) ssm.Records {
		if stores[t] == nil {
			stores[t] = new(ssmtest.Records)
		}
		return stores[t]
	})
}
