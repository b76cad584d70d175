package networktest_test

import (
	"testing"

	"postern/network"
	"postern/network/networktest"
)

func TestMemory(t *testing.T) {
	stores := map[*testing.T]*networktest.Store{}
	networktest.TestStore(t, func(t *testing.T) network.Store {
		if stores[t] == nil {
			stores[t] = new(networktest.Store)
		}
		return stores[t]
	})
}
