package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed table is what the modules give. They are not in go.mod, so the test runs only where make generate has
// brought them into the module cache.
func TestTableIsFresh(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	limits, err := download(limitsModule)
	if err != nil {
		t.Skipf("the module is not in the cache: run go generate ./aws/instancetype (%v)", err)
	}
	sizes, err := download(sizesModule)
	if err != nil {
		t.Skipf("the module is not in the cache: run go generate ./aws/instancetype (%v)", err)
	}
	names, err := sdk()
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(limits, sizes, names)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", "..", "..", "aws", "instancetype", "types.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("types.txt is stale: run go generate ./aws/instancetype")
	}
}

// What a name says agrees with the User Guide's examples, and nothing is said of families that do not follow it.
func TestSizeByName(t *testing.T) {
	for _, c := range []struct {
		name       string
		vcpus, mib int
		arch       string
	}{
		{"m7i-flex.large", 2, 8 << 10, "x86_64"},
		{"c7gn.medium", 1, 2 << 10, "arm64"},
		{"r6id.32xlarge", 128, 1024 << 10, "x86_64"},
		{"m8g.metal-24xl", 96, 384 << 10, "arm64"},
		{"c6a.metal", 0, 0, ""},
		{"m5.large", 0, 0, ""},
		{"t3.xlarge", 0, 0, ""},
		{"x8i.large", 0, 0, ""},
	} {
		got, ok := sizeByName(c.name)
		if ok != (c.vcpus > 0) || ok && got != (size{vcpus: c.vcpus, mib: c.mib, arch: c.arch}) {
			t.Errorf("%s: %+v, %t", c.name, got, ok)
		}
	}
}
