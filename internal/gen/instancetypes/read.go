package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// nameForm is a line of the SDK's enum of instance types.
var nameForm = regexp.MustCompile(`\sInstanceType = "([^"]+)"`)

// readNames gives the types that the SDK knows, in order.
func readNames(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range nameForm.FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no types found", path)
	}
	slices.Sort(names)
	return names, nil
}

// limit holds what the VPC resource controller knows of a type.
type limit struct {
	interfaces, addresses, cards int
	hypervisor                   string
	bare                         bool
}

// readLimits reads the map literal Limits.
func readLimits(path string) (map[string]limit, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	all := map[string]limit{}
	ast.Inspect(file, func(n ast.Node) bool {
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, isLiteral := kv.Key.(*ast.BasicLit)
		value, isStruct := kv.Value.(*ast.CompositeLit)
		if !isLiteral || !isStruct || key.Kind != token.STRING {
			return true
		}
		all[strings.Trim(key.Value, `"`)] = limitOf(value)
		return false
	})
	if len(all) < 1000 {
		return nil, fmt.Errorf("%s: only %d types found", path, len(all))
	}
	return all, nil
}

func limitOf(c *ast.CompositeLit) (l limit) {
	for _, e := range c.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		text := ""
		switch v := kv.Value.(type) {
		case *ast.BasicLit:
			text = strings.Trim(v.Value, `"`)
		case *ast.Ident:
			text = v.Name
		case *ast.CompositeLit:
			text = strconv.Itoa(len(v.Elts))
		}
		number, _ := strconv.Atoi(text)
		switch kv.Key.(*ast.Ident).Name {
		case "Interface":
			l.interfaces = number
		case "IPv4PerInterface":
			l.addresses = number
		case "NetworkCards":
			l.cards = number
		case "Hypervisor":
			l.hypervisor = text
		case "IsBareMetal":
			l.bare = text == "true"
		}
	}
	return l
}

// size is a type's processors, memory and architectures ("i386,x86_64").
type size struct {
	vcpus, mib int
	arch       string
	previous   bool // generation
}

func readSizes(path string) (map[string]size, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all := map[string]size{}
	for d.More() {
		var t struct {
			Name       string `json:"instance_type"`
			VCPU       int
			Memory     float64
			Arch       []string
			Generation string
		}
		if err := d.Decode(&t); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all[t.Name] = size{t.VCPU, int(t.Memory * 1024), strings.Join(t.Arch, ","), t.Generation == "previous"}
	}
	if _, err := d.Token(); err != nil { // a file that was cut off has no end of the list
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

var (
	familyForm = regexp.MustCompile(`^([cmr])(\d+)([a-z]*)(-flex)?$`)
	sizeForm   = regexp.MustCompile(`^(?:metal-)?(\d+)xl(?:arge)?$`)
	// gibPerVCPU holds the memory that the families of each letter have per vCPU.
	gibPerVCPU = map[string]int{"c": 2, "m": 4, "r": 8}
	smallSizes = map[string]int{"medium": 1, "large": 2, "xlarge": 4}
)

// sizeByName returns the size of a type of the families c, m and r, from the sixth generation on.
func sizeByName(name string) (size, bool) {
	family, s, _ := strings.Cut(name, ".")
	f := familyForm.FindStringSubmatch(family)
	if f == nil || len(f[2]) == 1 && f[2] < "6" {
		return size{}, false
	}
	vcpus := smallSizes[s]
	if m := sizeForm.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return size{}, false
		}
		vcpus = 4 * n
	}
	arch := "x86_64"
	if strings.Contains(f[3], "g") {
		arch = "arm64"
	}
	return size{vcpus: vcpus, mib: vcpus * gibPerVCPU[f[1]] * 1024, arch: arch}, vcpus > 0
}
