package identitytest_test

import (
	"testing"

	"postern/services/identity"
	"postern/services/identity/identitytest"
)

func TestMemory(t *testing.T) {
	stores := map[*testing.T]*identitytest.Store{}
	identitytest.TestStore(t, func(t *testing.T) identity.Store {
		if stores[t] == nil {
			stores[t] = new(identitytest.Store)
		}
		return stores[t]
	})
}
