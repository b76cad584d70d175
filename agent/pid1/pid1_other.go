//go:build !linux

package pid1

import "errors"

// Config tells the instance's first process what to start.
type Config struct {
	Instance string
	Agent    []string
	UserData string
	Files    string
}

// Run only does something on Linux.
func Run(Config) int { return 2 }

// Ask only does something on Linux.
func Ask(Power) error { return errors.New("there are no instances on this system") }
