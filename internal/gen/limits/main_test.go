package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// The committed tables are those that the models give.
func TestTablesAreFresh(t *testing.T) {
	models, err := findModels()
	if errors.Is(err, errAbsent) {
		t.Skipf("whether the tables of limits are fresh is not known: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"ec2", "iam", "route53resolver", "ssm", "sts"} {
		want, err := generate(models, service)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", "..", "aws", "wire", "limits", service+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s.txt is stale: run go generate ./aws/wire", service)
		}
	}
}
