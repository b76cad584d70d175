package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// stages lists what a connection meets on its way, in order, with what findings about them begin with.
var stages = []struct {
	name  string
	about []string
}{
	{"node", []string{"node/"}},
	{"name", []string{"dns/", "endpoint/missing", "endpoint/no-interface"}},
	{"out", []string{"egress/", "acl-out/", "address/", "link-local/"}},
	{"route", []string{"route/", "peering/", "nat/", "internet/"}},
	{"in", []string{"ingress/", "acl-in/"}},
	{"endpoint", []string{"endpoint/", "bucket/endpoint-policy"}},
	{"role", []string{"role/", "bucket/role"}},
}

// stage returns the place of the stage that a finding is about.
func stage(id ID) int {
	return slices.IndexFunc(stages, func(s struct {
		name  string
		about []string
	}) bool {
		return slices.ContainsFunc(s.about, func(begin string) bool { return strings.HasPrefix(string(id), begin) })
	})
}

// path draws how far the nodes come on their way, by what was found: "node ✓─ name ✗─ out …".
func (x *Examination) path() string {
	worst := make([]Outcome, len(stages))
	for i := range worst {
		worst[i] = Good
	}
	for _, c := range x.Cases {
		if i := stage(c.ID); i >= 0 {
			worst[i] = worse(worst[i], c.Severity)
		}
	}
	parts := make([]string, len(stages))
	for i, s := range stages {
		parts[i] = s.name + " " + marks[worst[i]]
	}
	return strings.Join(parts, " ── ")
}

// mostNodes limits how many nodes a finding names to people.
const mostNodes = 5

// String returns the examination for people.
func (x *Examination) String() string { return x.Text(false) }

// Text returns the examination for people, with Terraform in place of commands where that is wanted.
func (x *Examination) Text(terraform bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, account %s: %s\n\n", x.Region, cmp.Or(x.Account, "unknown"), x.summary())
	if len(x.Nodes) > 0 {
		fmt.Fprintf(&b, "  %s\n\n", x.path())
		x.table(&b)
	}
	for _, c := range x.Cases {
		b.WriteString("\n" + c.text(terraform))
	}
	for _, u := range x.Unchecked {
		fmt.Fprintf(&b, "\nnot checked: %s", u)
	}
	if len(x.Unchecked) > 0 {
		b.WriteString("\n")
	}
	if x.Outcome == Good {
		b.WriteString("\nNothing stands in the way.\n")
	}
	return b.String()
}

// summary counts the nodes by how they fare.
func (x *Examination) summary() string {
	if len(x.Nodes) == 0 {
		return "there is no node"
	}
	count := map[Outcome]int{}
	for i := range x.Nodes {
		count[x.Nodes[i].Outcome]++
	}
	says := []string{fmt.Sprintf("%d of %d nodes reach what they need", count[Good]+count[Degraded], len(x.Nodes))}
	for _, o := range []struct {
		outcome Outcome
		says    string
	}{{Degraded, "with something to mend"}, {Broken, "do not"}, {Unknown, "could not be judged"}} {
		if n := count[o.outcome]; n > 0 {
			says = append(says, fmt.Sprintf("%d %s", n, o.says))
		}
	}
	return strings.Join(says, ", ")
}

// table lists the nodes with a mark for each service.
func (x *Examination) table(b *strings.Builder) {
	services := x.columns()
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  \tNODE\tNAME\tSTATUS\t%s\n", strings.Join(services, "\t"))
	for i := range x.Nodes {
		n := &x.Nodes[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s", marks[n.Outcome], n.ID, cmp.Or(n.Name, "-"), cmp.Or(n.Status, "not registered"))
		for _, s := range services {
			fmt.Fprintf(w, "\t%s", n.mark(s))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // into memory
}

// columns returns the services that some node needs or could use, in the order in which they were judged.
func (x *Examination) columns() (services []string) {
	for i := range x.Nodes {
		for _, s := range x.Nodes[i].Services {
			if !slices.Contains(services, s.Service) {
				services = append(services, s.Service)
			}
		}
	}
	return services
}

// mark is how a node fares with a service; "–" for one that is not needed and not there.
func (n *NodeResult) mark(service string) string {
	for _, s := range n.Services {
		if s.Service == service && s.Outcome != Unknown {
			return marks[s.Outcome]
		}
	}
	return "–"
}

// text returns the finding for people, with how it shows and the nodes that it is about.
func (c Case) text(terraform bool) string {
	if terraform && c.Terraform != "" {
		c.Command = strings.ReplaceAll(c.Terraform, "\n", "\n     ")
	}
	about := c.Nodes[:min(len(c.Nodes), mostNodes)]
	more := ""
	if n := len(c.Nodes) - len(about); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s %s     shows: %s\n     nodes: %s%s\n",
		marks[c.Severity], c.Finding.String(), c.Shows, strings.Join(about, ", "), more)
}
