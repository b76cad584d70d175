package ports_test

import (
	"net"
	"testing"

	"postern/test/ports"
)

func TestFree(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		address, err := ports.Free()
		if err != nil || seen[address] {
			t.Fatalf("%q, %v", address, err)
		}
		seen[address] = true
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
