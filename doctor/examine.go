package doctor

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Examination holds what was found about several nodes.
type Examination struct {
	Account  string    `json:"account"`
	Region   string    `json:"region"`
	At       time.Time `json:"at"`
	Features []string  `json:"features,omitempty"`
	// Outcome is the worst of the nodes'.
	Outcome Outcome      `json:"outcome"`
	Nodes   []NodeResult `json:"nodes"`
	// Cases are the findings about all nodes, each once.
	Cases []Case `json:"findings"`
	// Unchecked tells what could not be read.
	Unchecked []string `json:"unchecked,omitempty"`
}

// NodeResult holds what was found about one node.
type NodeResult struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	Subnet  string `json:"subnet,omitempty"`
	// Status holds what Systems Manager says of it; empty where it is not registered.
	Status  string  `json:"status,omitempty"`
	Agent   string  `json:"agent,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Services lists those that it needs or could use.
	Services []ServiceReport `json:"services"`
	// Report is the whole reasoning.
	Report Report `json:"-"`
}

// Case is a finding with the nodes that it is about.
type Case struct {
	Finding
	// Shows is how the finding shows, in an operator's words.
	Shows string   `json:"shows"`
	Nodes []string `json:"nodes"`
	// Page is the page of AWS's documentation about it.
	Page string `json:"page"`
}

// Examine assesses each node of the survey, several at a time. told, which may be nil, is called after each with how
// many are done; its calls do not overlap.
func (s *Survey) Examine(ctx context.Context, wanted []Feature, told func(done int)) (*Examination, error) {
	x := &Examination{
		Account: s.Account, Region: s.Region, At: s.At, Unchecked: s.Unchecked, Outcome: Good,
		Nodes: make([]NodeResult, len(s.Facts)), Cases: []Case{},
	}
	for _, w := range wanted {
		x.Features = append(x.Features, w.Name)
	}
	var mu sync.Mutex // guards done
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range s.Facts {
		g.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			x.Nodes[i], err = examineNode(&s.Facts[i], wanted)
			mu.Lock()
			defer mu.Unlock()
			if done++; told != nil {
				told(done)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	x.collect()
	return x, nil
}

func examineNode(f *Facts, wanted []Feature) (n NodeResult, err error) {
	r, err := AssessFeatures(*f, wanted)
	return NodeResult{
		ID: f.Node.ID, Name: f.Node.Name, Address: r.Address, Subnet: r.Subnet, Status: f.Node.Status,
		Agent: f.Node.AgentVersion, Outcome: r.verdict(), Services: r.Services, Report: r,
	}, err
}

// verdict is the report's outcome, Unknown where something could not be judged and nothing is broken.
func (r *Report) verdict() Outcome {
	outcome := r.outcome()
	if outcome == Good && slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Outcome == Unknown }) {
		return Unknown
	}
	return outcome
}

// collect gathers the nodes' findings, those first that break most.
func (x *Examination) collect() {
	if len(x.Nodes) == 0 || len(x.Unchecked) > 0 { // nothing is no verdict
		x.Outcome = Unknown
	}
	for i := range x.Nodes {
		n := &x.Nodes[i]
		x.Outcome = worse(x.Outcome, n.Outcome)
		for _, f := range n.Report.Findings {
			x.add(f, n.ID)
		}
	}
	slices.SortStableFunc(x.Cases, func(a, b Case) int {
		if d := rank(b.Severity) - rank(a.Severity); d != 0 {
			return d
		}
		return len(b.Nodes) - len(a.Nodes)
	})
}

func (x *Examination) add(f Finding, node string) {
	for i := range x.Cases {
		c := &x.Cases[i]
		if c.ID == f.ID && c.Resource == f.Resource && c.Remedy == f.Remedy && c.Command == f.Command {
			if !slices.Contains(c.Nodes, node) {
				c.Nodes = append(c.Nodes, node)
			}
			c.Severity = worse(c.Severity, f.Severity)
			return
		}
	}
	k := table.kinds[f.ID]
	x.Cases = append(x.Cases, Case{Finding: f, Shows: k.Shows, Nodes: []string{node}, Page: k.Page.URL})
}

func rank(o Outcome) int { return slices.Index([]Outcome{Good, Unknown, Degraded, Broken}, o) }

func worse(a, b Outcome) Outcome {
	if rank(b) > rank(a) {
		return b
	}
	return a
}
