// Package swarming is the talk between the benchmark and its swarms: processes of many simulated agents each. A swarm
// is told its Orders in one line of JSON on its standard input, and answers each further line with one of Count on its
// standard output. It ends when its input does.
package swarming

import "fmt"

// Orders say what a swarm is to be.
type Orders struct {
	// Server is host:port of the public API, where agents without a tunnel connect whatever name they ask for.
	Server string
	// Join is host:port (UDP) where agents with a tunnel join; empty means agents without one.
	Join   string
	Region string
	// CA is the path of the PEM file that agents trust.
	CA string
	// Activations are used up one after another.
	Activations []Activation
	// Agents is how many there are.
	Agents int
	// Abreast is how many of them may be on their way at once, from their start until their control channel opens for the
	// first time.
	Abreast int
	// Dir is an empty directory for the registrations.
	Dir string
}

// Activation holds the answer of CreateActivation, and how many agents register with it.
type Activation struct {
	ID, Code string
	Limit    int
}

// Count is how a swarm is doing.
type Count struct {
	// Registered agents have an id; Open is how many control channels are open now.
	Registered, Open int
	// Opened and Refused count upgrades to a control channel that were answered with 101, and with anything else.
	Opened, Refused int
	// Health counts calls of UpdateInstanceInformation that were answered with 200.
	Health int
	// Ran counts scripts that were handed to an agent to run; Twice those that an agent had run before.
	Ran, Twice int
	// Trouble is the last thing that an agent warned of, and Troubles how often.
	Trouble  string
	Troubles int
	// Fatal is why the swarm cannot be what it was ordered to be.
	Fatal string
}

// Add sums counts up.
func (c *Count) Add(o Count) {
	c.Registered += o.Registered
	c.Open += o.Open
	c.Opened += o.Opened
	c.Refused += o.Refused
	c.Health += o.Health
	c.Ran += o.Ran
	c.Twice += o.Twice
	c.Troubles += o.Troubles
	if o.Trouble != "" {
		c.Trouble = o.Trouble
	}
	if o.Fatal != "" {
		c.Fatal = o.Fatal
	}
}

// Share splits orders evenly among n swarms.
func (o Orders) Share(n int) []Orders {
	shares := make([]Orders, n)
	left := append([]Activation(nil), o.Activations...)
	for i := range shares {
		s := o
		s.Agents = (o.Agents + i) / n // sums up to o.Agents
		s.Abreast = max(1, o.Abreast/n)
		s.Activations = nil
		for need := s.Agents; need > 0 && len(left) > 0; {
			a := left[0]
			a.Limit = min(a.Limit, need)
			s.Activations = append(s.Activations, a)
			need -= a.Limit
			if left[0].Limit -= a.Limit; left[0].Limit == 0 {
				left = left[1:]
			}
		}
		shares[i] = s
	}
	return shares
}

// Words returns the output of a simulated agent's script when it runs for the nth time. What is stored must be the
// first.
func Words(node, command string, n int) string {
	return fmt.Sprintf("%s runs %s, time %d\n", node, command, n)
}
