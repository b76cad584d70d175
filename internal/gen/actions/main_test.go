package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The committed tables are those that the package gives, where npm has it in its cache.
func TestTablesAreFresh(t *testing.T) {
	data, err := fetch("--offline")
	if errors.Is(err, errAbsent) {
		t.Skipf("whether the tables of actions are fresh is not known: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join("..", "..", "..", "aws", "action", "tables", "*.txt"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables: %v", len(tables), err)
	}
	for _, file := range tables {
		want, err := generate(data, strings.TrimSuffix(filepath.Base(file), ".txt"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./aws/action", file)
		}
	}
}
