package ssm_test

import (
	"strings"
	"testing"

	"postern/api/nodetest"
)

// operators is the policy of the Systems Manager User Guide that limits operators to tagged nodes ("Restricting Run
// Command access based on tags"): any document, and of the nodes those with a tag.
const operators = `{"Effect":"Allow","Action":"ssm:SendCommand","Resource":"arn:aws:ssm:*:*:document/*"},
	{"Effect":"Allow","Action":"ssm:SendCommand",
		"Resource":["arn:aws:ec2:*:*:instance/*","arn:aws:ssm:*:*:managed-instance/*"],
		"Condition":{"StringLike":{"ssm:resourceTag/Environment":["Prod*"]}}}`

// TestOperatorsAreLimitedByTags: a command goes to nodes with the tag, however they are named, and to no others.
func TestOperatorsAreLimitedByTags(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	prod, dev, bare := l.Register(t), l.Register(t), l.Register(t)
	for node, environment := range map[*nodetest.Machine]string{prod: "Production", dev: "Development"} {
		status, body := node.Call("ssm", "AddTagsToResource", map[string]any{
			"ResourceType": "ManagedInstance", "ResourceId": node.ID,
			"Tags": []any{map[string]any{"Key": "Environment", "Value": environment}},
		})
		if status != 200 {
			t.Fatalf("tag %s: %d %s", node.ID, status, body)
		}
	}
	l.Allow(t, operators)
	for _, row := range []struct {
		name   string
		in     map[string]any
		denied string // the node that is named; empty means sent
	}{
		{"tagged", map[string]any{"InstanceIds": []string{prod.ID}}, ""},
		{"tagged otherwise", map[string]any{"InstanceIds": []string{dev.ID}}, dev.ID},
		{"not tagged", map[string]any{"InstanceIds": []string{bare.ID}}, bare.ID},
		{"one of two", map[string]any{"InstanceIds": []string{prod.ID, dev.ID}}, dev.ID},
		{"target by id", target("InstanceIds", prod.ID), ""},
		{"target by the tag", target("tag:Environment", "Production"), ""},
		{"target by another value", target("tag:Environment", "Development"), dev.ID},
		{"nobody", target("tag:Environment", "Test"), ""},
	} {
		row.in["DocumentName"], row.in["Parameters"] = "AWS-RunShellScript", map[string]any{"commands": []string{"id"}}
		status, body := prod.Call("ssm", "SendCommand", row.in)
		denied := strings.Contains(body, "AccessDenied") && strings.Contains(body, "managed-instance/"+row.denied)
		if row.denied == "" && status != 200 || row.denied != "" && !denied {
			t.Errorf("%s: %d %s", row.name, status, body)
		}
	}
}

func target(key string, values ...string) map[string]any {
	return map[string]any{"Targets": []any{map[string]any{"Key": key, "Values": values}}}
}

// TestTagsOfParametersAndDocuments: policies can be about the tags that they have and those that a request gives them.
func TestTagsOfParametersAndDocuments(t *testing.T) {
	l := nodetest.New(t, nodetest.Options{})
	m := l.Register(t)
	tag := func(value string) []any { return []any{map[string]any{"Key": "Team", "Value": value}} }
	for _, team := range []string{"blue", "red"} {
		for operation, in := range map[string]map[string]any{
			"PutParameter":   {"Name": "/" + team + "/p", "Value": "v", "Type": "String", "Tags": tag(team)},
			"CreateDocument": {"Name": team, "Content": threeSteps, "Tags": tag(team)},
		} {
			if status, body := m.Call("ssm", operation, in); status != 200 {
				t.Fatalf("%s: %d %s", operation, status, body)
			}
		}
	}
	for _, row := range []struct {
		condition string
		operation string
		in        map[string]any
		allowed   bool
	}{
		{`"StringEquals":{"ssm:resourceTag/Team":"blue"}`, "GetParameter", map[string]any{"Name": "/blue/p"}, true},
		{`"StringEquals":{"aws:ResourceTag/team":"blue"}`, "GetParameter", map[string]any{"Name": "/red/p"}, false},
		{`"StringEquals":{"aws:ResourceTag/Team":"blue"}`, "GetDocument", map[string]any{"Name": "blue"}, true},
		{`"StringEquals":{"ssm:resourceTag/Team":"blue"}`, "GetDocument", map[string]any{"Name": "red"}, false},
		{`"StringEquals":{"ssm:DocumentType":"Command"}`, "GetDocument", map[string]any{"Name": "red"}, true},
		{`"StringEquals":{"ssm:DocumentType":"Session"}`, "GetDocument", map[string]any{"Name": "red"}, false},
		{`"StringEquals":{"aws:RequestTag/Team":"blue"}`, "AddTagsToResource",
			map[string]any{"ResourceType": "Parameter", "ResourceId": "/red/p", "Tags": tag("blue")}, true},
		{`"StringEquals":{"aws:RequestTag/Team":"blue"}`, "AddTagsToResource",
			map[string]any{"ResourceType": "Parameter", "ResourceId": "/blue/p", "Tags": tag("red")}, false},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Colour"]}`, "RemoveTagsFromResource",
			map[string]any{"ResourceType": "Parameter", "ResourceId": "/blue/p", "TagKeys": []string{"Team"}}, false},
		{`"StringEquals":{"aws:RequestTag/Team":"blue"}`, "PutParameter",
			map[string]any{"Name": "/new", "Value": "v", "Type": "String", "Tags": tag("red")}, false},
		{`"StringEquals":{"aws:RequestTag/Team":"blue"}`, "PutParameter",
			map[string]any{"Name": "/new", "Value": "v", "Type": "String", "Tags": tag("blue")}, true},
		{`"StringEquals":{"aws:ResourceTag/Team":"blue"}`, "PutParameter", // what is made has no tags yet
			map[string]any{"Name": "/newer", "Value": "v", "Type": "String", "Tags": tag("blue")}, false},
	} {
		l.Allow(t, `{"Effect":"Allow","Action":"ssm:*","Resource":"*","Condition":{`+row.condition+`}}`)
		status, body := m.Call("ssm", row.operation, row.in)
		if denied := strings.Contains(body, "AccessDenied"); denied == row.allowed || row.allowed != (status == 200) {
			t.Errorf("%s of %v with %s: %d %s", row.operation, row.in, row.condition, status, body)
		}
	}
}
