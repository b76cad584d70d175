package commandtest_test

import (
	"testing"

	"postern/ssm/command"
	"postern/ssm/command/commandtest"
)

func TestMemory(t *testing.T) {
	stores := map[*testing.T]*commandtest.Store{}
	commandtest.TestStore(t, func(t *testing.T) command.Store {
		if stores[t] == nil {
			stores[t] = new(commandtest.Store)
		}
		return stores[t]
	})
}
