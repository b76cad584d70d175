package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestToken: only what the default rule does not give is written. In EC2 output names begin lower case and lists hold
// item, elsewhere they are the Go names and lists hold member.
func TestToken(t *testing.T) {
	for _, tt := range []struct {
		same bool
		member
		want string
	}{
		{false, member{in: "VpcId", out: "vpcId"}, ""},
		{false, member{in: "VpcId", out: "vpcId", item: "item"}, ""},
		{true, member{in: "VpcId", out: "VpcId", item: "member"}, ""},
		{false, member{}, ""},
		{false, member{required: true}, "VpcId!"},
		{false, member{in: "Vpc", out: "vpcId"}, "VpcId:Vpc"},
		{false, member{in: "VpcId", out: "VpcId"}, "VpcId::VpcId"},
		{true, member{in: "VpcId", out: "vpcId"}, "VpcId::vpcId"},
		{false, member{in: "Vpc", out: "vpc", item: "member"}, "VpcId:Vpc:vpc>member"},
		{true, member{item: "item"}, "VpcId::>item"},
		{true, member{in: "x", required: true}, "VpcId!:x"},
	} {
		table := newTable()
		table.same = tt.same
		if got := table.token("VpcId", &tt.member); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt, got, tt.want)
		}
	}
}

func TestWrite(t *testing.T) {
	table := newTable()
	table.operations = []string{"B", "A"}
	table.capitals = []string{"Err"}
	table.member("T", "Z").required = true
	table.member("T", "A").in = "x"
	table.member("T", "A").out = "a"
	table.member("S", "Plain").in = "Plain"
	var b bytes.Buffer
	table.write(&b)
	if want := "operations A B\ncapitals Err\nT A:x Z!\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	if got := lowerFirst("VpcId") + lowerFirst("É"); got != "vpcIdé" {
		t.Errorf("%q", got)
	}
}

// TestSource: what is read from the SDK's functions.
func TestSource(t *testing.T) {
	const source = `package x
func one(v *types.Vpc, value smithy) error { v.VpcId = x.Key("vpcId"); return f(v.Tags, 1) }
func two(v **Subnet) {}
func three(v Subnet) {}
func four() {}
func (s *S) five(v *Vpc) {}
`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := functions(file)
	if len(all) != 4 {
		t.Errorf("%d functions", len(all))
	}
	for name, want := range map[string]string{"one": "Vpc", "two": "Subnet", "three": "", "four": ""} {
		if got := structParam(all[name]); got != want {
			t.Errorf("%s takes %q, want %q", name, got, want)
		}
	}
	if got := fieldOf(all["one"].Body, "v"); got != "VpcId" {
		t.Errorf("the first field is %q", got)
	}
	if got := fieldOf(all["one"].Body, "w"); got != "" {
		t.Errorf("a field of another variable is %q", got)
	}
	said := map[string]string{}
	calls(
		all["one"].Body, func(name string, call *ast.CallExpr) { said[name] = literal(call, 0) + "|" + literal(call, 1) },
	)
	if len(said) != 2 || said["Key"] != "vpcId|" || said["f"] != "|" {
		t.Errorf("%v", said)
	}
}
