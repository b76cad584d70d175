package action

import (
	"fmt"
	"strings"
	"testing"
)

// TestTables: every table can be read, and none is empty.
func TestTables(t *testing.T) {
	entries, err := tables.ReadDir("tables")
	if err != nil || len(entries) < 10 {
		t.Fatalf("%d tables: %v", len(entries), err)
	}
	for _, e := range entries {
		text, err := tables.ReadFile("tables/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		n, err := parseAll(strings.TrimSuffix(e.Name(), ".txt"), string(text))
		if err != nil || n == 0 {
			t.Errorf("%s: %d actions: %v", e.Name(), n, err)
		}
	}
}

// parseAll reads every line of a table, and returns the number of its actions.
func parseAll(service, text string) (int, error) {
	table, err := cutTable(service, text)
	if err != nil {
		return 0, err
	}
	for name := range table.actions {
		if a, err := table.find(name); err != nil || !strings.EqualFold(a.Name, service+":"+name) {
			return 0, fmt.Errorf("%s: %+v, %w", name, a, err)
		}
	}
	return len(table.actions), nil
}

// TestMay: what the reference says of some actions that policies are written for.
func TestMay(t *testing.T) {
	const (
		group = "arn:aws:ec2:us-east-1:000000000000:security-group/sg-1"
		net   = "arn:aws:ec2:us-east-1:000000000000:subnet/*"
		node  = "arn:aws:ssm:us-east-1:000000000000:managed-instance/mi-1"
	)
	for _, row := range []struct {
		action, key, resource string
		may                   bool
	}{
		{"ssm:SendCommand", "ssm:resourceTag/Environment", node, true},
		{"SSM:sendcommand", "SSM:RESOURCETAG/environment", node, true},
		{"ssm:SendCommand", "ssm:resourceTag/", node, false}, // a family is no key
		{"ssm:SendCommand", "ssm:Overwrite", node, false},
		{"ssm:PutParameter", "ssm:Overwrite", "*", true},
		{"ec2:CreateTags", "ec2:CreateAction", group, true},
		{"ec2:RunInstances", "ec2:CreateAction", group, false},
		{"ec2:RunInstances", "ec2:Vpc", group, true},
		{"ec2:RunInstances", "ec2:InstanceType", group, false},
		{"ec2:RunInstances", "ec2:InstanceType", "*", true},
		{"ec2:RunInstances", "ec2:InstanceType", "arn:aws:ec2:us-east-1:000000000000:what/*", true},
		{"ec2:StartInstances", "ec2:InstanceType", group, false},
		{"ec2:RunInstances", "aws:RequestTag/Team", net, false},
		{"ec2:RunInstances", "aws:ResourceTag/Team", net, true},
		{"ec2:RunInstances", "aws:ResourceTag/Team", "arn:aws:ec2:us-east-1::image/ami-1", true},
		{"iam:PassRole", "iam:PassedToService", "arn:aws:iam::000000000000:role/a/b", true},
		{"kms:Decrypt", "kms:EncryptionContext:Purpose", "*", true},
	} {
		if got := Find(row.action).May(row.key, row.resource); got != row.may {
			t.Errorf("%s of %s on %s: %v", row.key, row.action, row.resource, got)
		}
	}
	for _, name := range []string{"ssm:SendCommands", "notes:SendCommand", "SendCommand", "../go:x", ""} {
		if Find(name) != nil {
			t.Errorf("there is an action %q", name)
		}
	}
}

// TestParseRefuses lines that say nothing.
func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"keys 2 notes:Colour", "type note", "action Look", "action Look 1", "action Look 0 note:0", "notes",
		"type note arn:*:notes:*:*:note/*\naction Look 0 note!",
	} {
		if _, err := parseAll("notes", text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
