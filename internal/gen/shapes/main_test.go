package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed packages are those that the sources and the SDK in go.mod give, no more and no less.
func TestShapesAreFresh(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./aws/service", name)
		}
	}
}

// What a source mentions is kept, with what it holds; what it does not mention is left out.
func TestUsesAndWhatTheyHold(t *testing.T) {
	root := t.TempDir()
	source := `package x
import (
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
)
func f(c *sdk.Client, in *sdk.CreateVpcInput) types.Tenancy {
	sdk.NewDescribeSubnetsPaginator(c, nil)
	return types.TenancyHost
}
`
	if err := os.WriteFile(filepath.Join(root, "x.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, text string
		want       bool
	}{
		{"operations.go", "type CreateVpcInput struct", true},
		{"operations.go", "type CreateVpcOutput struct", true},
		{"operations.go", "type DescribeSubnetsInput struct", true},
		{"operations.go", "ResultMetadata", false},
		{"operations.go", "type RunInstancesInput struct", false},
		{"client.go", "func NewDescribeSubnetsPaginator(", true},
		{"client.go", "func (c *Client) CreateVpc(", true},
		{"types/types.go", "type Vpc struct", true},
		{"types/types.go", "type Tag struct", true}, // held by a Vpc
		{"types/types.go", "type Instance struct", false},
		{"types/enums.go", `= "host"`, true},
	} {
		text := files["aws/service/ec2/"+c.file]
		if bytes.Contains(text, []byte(c.text)) != c.want {
			t.Errorf("%s: %q is there: %v, want %v", c.file, c.text, !c.want, c.want)
		}
	}
}

func TestLinesEnd(t *testing.T) {
	files, err := generate(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		for i, line := range bytes.Split(text, []byte("\n")) {
			if len(line) > lineEnd {
				t.Errorf("%s:%d has %d columns: %s", name, i+1, len(line), line)
			}
		}
	}
}
