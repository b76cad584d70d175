package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed tables are those that the SDK in go.mod gives.
func TestTablesAreFresh(t *testing.T) {
	dir := t.TempDir()
	for _, service := range []string{"ec2", "iam", "route53resolver", "s3", "ssm", "sts"} {
		if err := generate(dir, service); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, service+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "..", "aws", "wire", "names", service+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.txt is stale: run go generate ./aws/wire", service)
		}
	}
}
