package mailbox

import "time"

// answered remembers for a while which items nodes have acknowledged. Whoever posts an item has looked it up a moment
// before; meanwhile another may have posted it and the node answered, and without this it would be sent twice. An item
// whose answer was not recorded is sent again later, when a Source still says that it waits.
type answered struct {
	// current has the answers since rotated, former those of the period before.
	current, former map[answer]struct{}
	rotated         time.Time
}

type answer struct{ node, id string }

// rotate forgets the answers that are two periods old, or older.
func (a *answered) rotate(now time.Time, period time.Duration) {
	switch age := now.Sub(a.rotated); {
	case age < period:
		return
	case age < 2*period:
		a.former = a.current
	default:
		a.former = nil
	}
	a.current, a.rotated = map[answer]struct{}{}, now
}

func (a *answered) add(node, id string) { a.current[answer{node, id}] = struct{}{} }

func (a *answered) has(node, id string) bool {
	_, current := a.current[answer{node, id}]
	_, former := a.former[answer{node, id}]
	return current || former
}
