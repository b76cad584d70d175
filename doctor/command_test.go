package doctor_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"postern/doctor"
)

// commands returns what the examples' findings say to type, one of each form: what differs in ids only is the same.
func commands(t *testing.T) map[string]string {
	t.Helper()
	id := regexp.MustCompile(`[0-9.]+(/[0-9]+)?|\b(sg|vpc|vpce|subnet|i|eni|rtb)-[a-z0-9]+`)
	forms := map[string]string{}
	for _, k := range doctor.Kinds() {
		example := examples[k.ID]
		if f := example.finding(t, k.ID); f.Command != "" {
			forms[id.ReplaceAllString(f.Command, "x")] = f.Command
		}
	}
	return forms
}

// TestCommandsAreTaken types each command that a finding prints: the real AWS CLI reads it, checks it against the
// service's model, and sends nothing. That they mend is test/script's remedies.txtar.
func TestCommandsAreTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("it types a dozen commands into the real AWS CLI")
	}
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	forms := commands(t)
	if len(forms) < 8 {
		t.Errorf("only %d commands are printed: %v", len(forms), forms)
	}
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		cmd := exec.Command("sh", "-c", forms[form]+" --generate-cli-skeleton output")
		cmd.Env = append(os.Environ(), "AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE=/dev/null", "AWS_PAGER=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", forms[form], err, out)
		}
	}
}

// TestFindingInJSON: the names that scripts read are these and no others.
func TestFindingInJSON(t *testing.T) {
	for _, k := range doctor.Kinds() {
		example := examples[k.ID]
		b, err := json.Marshal(example.finding(t, k.ID))
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]string
		if err := json.Unmarshal(b, &members); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		want := []string{"id", "remedy", "resource", "severity", "wrong"}
		if members["command"] != "" {
			want = append([]string{"command"}, want...)
		}
		if members["terraform"] != "" {
			want = slices.Sorted(slices.Values(append(want, "terraform")))
		}
		if got := slices.Sorted(maps.Keys(members)); !slices.Equal(got, want) || members["id"] != string(k.ID) {
			t.Errorf("%s: %s", k.ID, b)
		}
	}
	b, err := json.Marshal(assess(t, healthy(t), "ssm"))
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"address", "checks", "findings", "from", "interface", "name", "paths", "service", "subnet", "to", "works",
	}
	if got := slices.Sorted(maps.Keys(members)); !slices.Equal(got, want) {
		t.Errorf("a report has %v, want %v", got, want)
	}
}
