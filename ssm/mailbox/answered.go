package mailbox

import "time"

// answered remembers for a while what nodes have acknowledged. Who posts an item has looked it up a moment before, and
// meanwhile another may have posted it and the node answered: without this it would be sent twice. What stays unrecorded
// although it was answered is sent again later, when a Source still says that it waits.
type answered struct {
	now, before map[answer]struct{}
	turned      time.Time
}

type answer struct{ node, id string }

// turn forgets what was answered two periods ago, or longer.
func (a *answered) turn(now time.Time, period time.Duration) {
	switch age := now.Sub(a.turned); {
	case age < period:
		return
	case age < 2*period:
		a.before = a.now
	default:
		a.before = nil
	}
	a.now, a.turned = map[answer]struct{}{}, now
}

func (a *answered) add(node, id string) { a.now[answer{node, id}] = struct{}{} }

func (a *answered) has(node, id string) bool {
	_, now := a.now[answer{node, id}]
	_, before := a.before[answer{node, id}]
	return now || before
}
