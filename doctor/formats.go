package doctor

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// levels are SARIF's words for outcomes (OASIS SARIF 2.1.0, 3.27.10).
var levels = map[Outcome]string{Broken: "error", Degraded: "warning", Unknown: "note"}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID      string    `json:"id"`
	Short   sarifText `json:"shortDescription"`
	Full    sarifText `json:"fullDescription"`
	HelpURI string    `json:"helpUri"`
}

type sarifLogical struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

type sarifLocation struct {
	Logical []sarifLogical `json:"logicalLocations"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	RuleIndex int             `json:"ruleIndex"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifRun struct {
	Tool struct {
		Driver struct {
			Name  string      `json:"name"`
			Rules []sarifRule `json:"rules"`
		} `json:"driver"`
	} `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

// WriteSARIF writes the findings as SARIF 2.1.0, as code scanners do: a rule for each kind of finding, and a result for
// each finding at the resource that has to change.
func (x *Examination) WriteSARIF(to io.Writer) error {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver.Name, run.Tool.Driver.Rules = "postern doctor", []sarifRule{}
	for _, c := range x.Cases {
		k := table.kinds[c.ID]
		rules := &run.Tool.Driver.Rules
		i := slices.IndexFunc(*rules, func(r sarifRule) bool { return r.ID == string(c.ID) })
		if i < 0 {
			i = len(*rules)
			*rules = append(*rules, sarifRule{string(k.ID), sarifText{k.Title}, sarifText{k.Means}, k.Page.URL})
		}
		says := c.Wrong + "\nremedy: " + c.Remedy
		if c.Command != "" {
			says += "\n" + c.Command
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: string(c.ID), RuleIndex: i, Level: levels[c.Severity],
			Message:   sarifText{says + "\nnodes: " + strings.Join(c.Nodes, ", ")},
			Locations: []sarifLocation{{[]sarifLogical{{c.Resource, "resource"}}}},
		})
	}
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}})
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *junitFailure `xml:"skipped,omitempty"`
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

// WriteJUnit writes the examination as a suite of JUnit: a case for each node and each service that it needs or could
// use, which fails where the service is not reached, and is skipped where it could not be judged or is not there.
func (x *Examination) WriteJUnit(to io.Writer) error {
	suite := junitSuite{Name: "postern doctor " + x.Region}
	for i := range x.Nodes {
		n := &x.Nodes[i]
		for _, s := range n.Services {
			one := junitCase{Class: n.ID, Name: s.Service}
			switch s.Outcome {
			case Broken:
				one.Failure = &junitFailure{s.Says, n.says(Broken)}
				suite.Failures++
			case Unknown:
				one.Skipped = &junitFailure{Message: s.Says}
				suite.Skipped++
			}
			suite.Cases = append(suite.Cases, one)
		}
		if len(n.Services) == 0 { // it is on no network
			suite.Failures++
			suite.Cases = append(suite.Cases, junitCase{Class: n.ID, Name: "node", Failure: &junitFailure{
				"it is not judged", n.says(Broken),
			}})
		}
	}
	suite.Tests = len(suite.Cases)
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "%s%s\n", xml.Header, text)
	return err
}

// says returns the node's findings of a severity.
func (n *NodeResult) says(severity Outcome) string {
	var b strings.Builder
	for _, f := range n.Report.Findings {
		if f.Severity == severity {
			b.WriteString(f.String())
		}
	}
	return b.String()
}
