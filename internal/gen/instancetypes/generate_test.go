package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources are the directories of modules as generate reads them.
type sources struct {
	t                  *testing.T
	limits, sizes, sdk string
}

// newSources writes modules that know the given types: enum lines of the SDK, entries of the map of limits, and the
// JSON of sizes. Limits of a thousand more types are there, as the real ones are.
func newSources(t *testing.T, names, limits []string, sizes string) *sources {
	t.Helper()
	s := &sources{t: t, limits: t.TempDir(), sizes: t.TempDir(), sdk: t.TempDir()}
	for i := range 1000 {
		limits = append(limits, fmt.Sprintf(`"zz%d.large": {Interface: 1, IPv4PerInterface: 2}`, i))
	}
	s.write(filepath.Join(s.limits, "pkg", "aws", "vpc", "limits.go"),
		"package vpc\n\nvar Limits = map[string]*VPCLimits{\n\t"+strings.Join(limits, ",\n\t")+",\n}\n")
	var enum strings.Builder
	for _, name := range names {
		fmt.Fprintf(&enum, "\tInstanceTypeX InstanceType = %q\n", name)
	}
	s.write(filepath.Join(s.sdk, "types", "enums.go"), "package types\n\nconst (\n"+enum.String()+")\n")
	s.write(filepath.Join(s.sizes, "data", "instances.json"), sizes)
	return s
}

func (s *sources) write(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func limitText(name, hypervisor string, bare bool) string {
	return fmt.Sprintf(`%q: {Interface: 3, IPv4PerInterface: 10, NetworkCards: []NetworkCard{{}, {}}, Hypervisor: %q, `+
		`IsBareMetal: %t}`, name, hypervisor, bare)
}

const someSizes = `[
	{"instance_type": "t1.micro", "vCPU": 1, "memory": 0.613, "arch": ["i386", "x86_64"], "generation": "previous"},
	{"instance_type": "m7i.metal-24xl", "vCPU": 96, "memory": 384, "arch": ["x86_64"], "generation": "current"},
	{"instance_type": "mac2.metal", "vCPU": 8, "memory": 16, "arch": ["arm64_mac"], "generation": "current"},
	{"instance_type": "p9.nolimits", "vCPU": 8, "memory": 16, "arch": ["x86_64"], "generation": "current"}
]`

// A line holds what both sources know; types of which one of them knows too little have none.
func TestGenerate(t *testing.T) {
	s := newSources(t,
		[]string{"t1.micro", "m7i.metal-24xl", "c8g.large", "mac2.metal", "p9.nolimits", "x9.nosize", "hpc9.none"},
		[]string{
			limitText("t1.micro", "xen", false), limitText("m7i.metal-24xl", "nitro", true),
			limitText("c8g.large", "nitro", false), limitText("mac2.metal", "nitro", true),
			limitText("x9.nosize", "nitro", false), limitText("r8g.large", "nitro", false), // the SDK does not know the last
		}, someSizes)
	got, err := generate(s.limits, s.sizes, s.sdk)
	if err != nil {
		t.Fatal(err)
	}
	want := head + `c8g.large arm64 2 4096 3 10 2 nitro
m7i.metal-24xl x86_64 96 393216 3 10 2 none bare-metal
t1.micro i386,x86_64 1 627 3 10 2 xen previous-generation
`
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Sources that are not what they were end the command, and say which one it is.
func TestGenerateFromOtherSources(t *testing.T) {
	one := []string{"c8g.large"}
	const wrong = `[{"instance_type": "m7i.large", "vCPU": 2, "memory": 9, "arch": ["x86_64"]}]`
	for _, tt := range []struct {
		name string
		make func(t *testing.T) *sources
		want string
	}{
		{"a size that its name denies", func(t *testing.T) *sources { return newSources(t, one, nil, wrong) },
			"m7i.large has {vcpus:2 mib:9216 arch:x86_64 previous:false}, by its name {vcpus:2 mib:8192"},
		{"sizes that end early", func(t *testing.T) *sources { return newSources(t, one, nil, `[{"instance_type": "a`) },
			"instances.json: unexpected EOF"},
		{"sizes of another form", func(t *testing.T) *sources { return newSources(t, one, nil, `[{"memory": "4 GiB"}]`) },
			"instances.json: json: cannot unmarshal string"},
		{"no sizes", func(t *testing.T) *sources { return newSources(t, one, nil, "") }, "instances.json: EOF"},
		{"few limits", func(t *testing.T) *sources {
			s := newSources(t, one, nil, "[]")
			s.write(filepath.Join(s.limits, "pkg", "aws", "vpc", "limits.go"), "package vpc\n")
			return s
		}, "limits.go: only 0 types found"},
		{"limits that are no Go", func(t *testing.T) *sources {
			return newSources(t, one, []string{`"a.large": {`}, "[]")
		}, "limits.go:"},
		{"no names", func(t *testing.T) *sources {
			s := newSources(t, one, nil, "[]")
			s.sdk = t.TempDir()
			return s
		}, "enums.go: no such file or directory"},
		{"names of another form", func(t *testing.T) *sources {
			return newSources(t, []string{}, nil, "[]")
		}, "enums.go: no types found"},
		{"sizes that have no end", func(t *testing.T) *sources {
			return newSources(t, one, nil, `[{"instance_type": "a.b"}`)
		}, "instances.json: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.make(t)
			text, err := generate(s.limits, s.sizes, s.sdk)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q, %v; want %q", text, err, tt.want)
			}
		})
	}
}
