// Package instancetype holds facts about EC2's instance types: what Amazon says that each has, whatever it runs on
// here.
package instancetype

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:generate go run postern/internal/gen/instancetypes types.txt

//go:embed types.txt
var text string

// Type is one instance type.
type Type struct {
	Name string
	// Architectures are Amazon's names of them: "i386", "x86_64", "arm64".
	Architectures []string
	VCPUs         int
	// Memory is in MiB.
	Memory int
	// Interfaces counts the network interfaces that an instance may have, on Cards network cards, and Addresses the
	// private IPv4 addresses that each of them may have.
	Interfaces, Addresses, Cards int
	// Hypervisor is "nitro" or "xen", and empty for bare metal.
	Hypervisor string
	BareMetal  bool
	// Previous says that the type is of a previous generation.
	Previous bool
}

// Burstable reports whether the type's instances earn CPU credits.
func (t Type) Burstable() bool {
	family, _, _ := strings.Cut(t.Name, ".")
	return slices.Contains([]string{"t2", "t3", "t3a", "t4g"}, family)
}

// Runs reports whether the type's instances run images of the architecture.
func (t Type) Runs(architecture string) bool { return slices.Contains(t.Architectures, architecture) }

// All returns every type by name. The caller must not change it.
func All() []Type { return all() }

// Find returns the type of a name.
func Find(name string) (Type, bool) {
	i, ok := slices.BinarySearchFunc(all(), name, func(t Type, name string) int {
		return strings.Compare(t.Name, name)
	})
	if !ok {
		return Type{}, false
	}
	return all()[i], true
}

// all panics on a line that cannot be read: the file is part of the program, and a test reads it.
var all = sync.OnceValue(func() []Type {
	var types []Type
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		t, err := parse(line)
		if err != nil {
			panic(err)
		}
		types = append(types, t)
	}
	return types
})

func parse(line string) (Type, error) {
	f := strings.Fields(line)
	if len(f) < 8 {
		return Type{}, fmt.Errorf("instance type %q has %d columns, want 8 or 9", line, len(f))
	}
	t := Type{Name: f[0], Architectures: strings.Split(f[1], ","), Hypervisor: f[7]}
	if t.Hypervisor == "none" {
		t.Hypervisor = ""
	}
	for i, to := range []*int{&t.VCPUs, &t.Memory, &t.Interfaces, &t.Addresses, &t.Cards} {
		n, err := strconv.Atoi(f[2+i])
		if err != nil {
			return Type{}, fmt.Errorf("instance type %s: %w", t.Name, err)
		}
		*to = n
	}
	if len(f) > 8 {
		t.BareMetal = strings.Contains(f[8], "bare-metal")
		t.Previous = strings.Contains(f[8], "previous-generation")
	}
	return t, nil
}
