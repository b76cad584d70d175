package doctor_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/doctor"
)

// examined is an examination of a healthy node, one behind a closed group and one without an interface.
func examined(t *testing.T) *doctor.Examination {
	t.Helper()
	return examine(t, surveyed(t, named("i-a"),
		func(f *doctor.Facts) { named("i-b")(f); f.Network.SecurityGroups[1].Rules = nil },
		func(f *doctor.Facts) { named("i-c")(f); f.Node.Interface = "" }), "kms")
}

// TestSARIF: each finding is a result at its resource, with a rule of its kind.
func TestSARIF(t *testing.T) {
	var b bytes.Buffer
	if err := examined(t).WriteSARIF(&b); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Rules []struct{ ID, HelpURI string }
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct{ LogicalLocations []struct{ Name string } }
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("%v: %s", err, &b)
	}
	run := log.Runs[0]
	var got []string
	for _, r := range run.Results {
		if rule := run.Tool.Driver.Rules[r.RuleIndex]; rule.ID != r.RuleID || !strings.HasPrefix(rule.HelpURI, "https://") {
			t.Errorf("%+v has the rule %+v", r, rule)
		}
		_, nodes, _ := strings.Cut(r.Message.Text, "nodes: ")
		got = append(got, fmt.Sprint(r.RuleID, " ", r.Level, " ", r.Locations[0].LogicalLocations[0].Name, " ", nodes))
	}
	want := []string{
		"endpoint/missing error vpc-1 i-a, i-b", "ingress/no-rule error sg-endpoints i-b", "node/no-interface error i-c i-c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	b.Reset()
	if err := examine(t, surveyed(t, named("i-a"))).WriteSARIF(&b); err != nil ||
		!strings.Contains(b.String(), `"results": []`) {
		t.Errorf("without findings: %v %s", err, &b)
	}
}

// TestJUnit: a case is a node and a service, and fails where that is not reached.
func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := examined(t).WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Class   string  `xml:"classname,attr"`
			Name    string  `xml:"name,attr"`
			Failure *string `xml:"failure"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal(b.Bytes(), &suite); err != nil || suite.Tests != len(suite.Cases) {
		t.Fatalf("%v: %s", err, &b)
	}
	failed, skipped := map[string]bool{}, 0
	for _, c := range suite.Cases {
		if c.Failure != nil {
			failed[c.Class+" "+c.Name] = true
		}
		if c.Skipped != nil {
			skipped++
		}
	}
	if len(failed) != suite.Failures || skipped != suite.Skipped || skipped == 0 {
		t.Errorf("%d failed and %d skipped, counted %d and %d", len(failed), skipped, suite.Failures, suite.Skipped)
	}
	for _, name := range []string{"i-a kms", "i-b kms", "i-b ssm", "i-c node"} {
		if !failed[name] {
			t.Errorf("%s does not fail: %s", name, &b)
		}
	}
	if failed["i-a ssm"] || !strings.Contains(b.String(), "ingress/no-rule  sg-endpoints") {
		t.Errorf("%s", &b)
	}
}
