package document

import (
	"strconv"
	"time"
)

// How long one step may run, from its timeoutSeconds.
const (
	DefaultTimeout = time.Hour
	MinTimeout     = 5 * time.Second
	MaxTimeout     = 48 * time.Hour
)

// Timeout returns the time that one property set of a step may run; a value out of range or unreadable is the default,
// as in the public agent.
func Timeout(set map[string]any) time.Duration {
	seconds, err := strconv.Atoi(scalarText(set["timeoutSeconds"]))
	t := time.Duration(seconds) * time.Second
	if err != nil || t < MinTimeout || t > MaxTimeout {
		return DefaultTimeout
	}
	return t
}

// Timeout returns the time that the whole document may run: its steps run one after the other.
func (d *Document) Timeout(values Values) time.Duration {
	var total time.Duration
	for _, s := range d.Steps(values) {
		for _, set := range s.Sets {
			total += Timeout(set)
		}
	}
	return total
}
