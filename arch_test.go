package postern_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "postern"

// A wall says what the packages of one room may import of our own, and of others where outside is not nil. A room ends
// with "/..." to mean everything below it, and "*" in it is any one name; the first row that fits a package counts.
type wall struct {
	room    string
	ours    []string
	outside []string // allowed import path prefixes that are neither ours nor the standard library; nil means any
	why     string
}

var nothing = []string{}

var walls = []wall{
	{"network/vpc", []string{"aws/arn"}, nothing, "the network judge is pure"},
	{"aws/iam", []string{"aws/arn"}, nothing, "the policy judge is pure"},
	{"ssm/mgs", nothing, nothing, "the codec is shared by agent, server and CLI"},
	{"ssm/document", []string{"aws/..."}, []string{"gopkg.in/yaml.v3"}, "documents are pure; the agent runs them"},
	{"aws/...", []string{"aws/..."}, nil, "the language knows nobody who speaks it"},
	{"bus/...", []string{"bus/..."}, nil, "an organ"},
	{"record/...", []string{"aws/...", "record/..."}, nil, "a leaf: what services keep, whoever keeps it for them"},
	{"network/link/...", []string{"aws/...", "network/link/..."}, nil, "the node's end of the wire holds no server code"},
	{"network/vpc/...", []string{"aws/...", "network/vpc/..."}, nil, "the judge's own test tools"},
	{
		"network/...",
		[]string{"aws/...", "record/...", "network/..."},
		nil,
		"heart one knows neither heart two nor the skin",
	},
	{
		"ssm/...",
		[]string{"aws/...", "bus", "record/...", "ssm/..."},
		nil,
		"heart two knows neither heart one nor the skin",
	},
	{
		"services/compute/guest",
		[]string{"aws/...", "network/link", "services/compute/..."},
		nil,
		"a guest's network interface is the far end of a link",
	},
	{
		"services/*/endpoint",
		[]string{"aws/...", "api", "api/page", "api/tags", "services/..."},
		nothing,
		"a service's table of operations",
	},
	{
		"services/instances",
		[]string{"aws/...", "network", "services/compute", "services/identity"},
		nothing,
		"changes the network and the instances together",
	},
	{"services/s3/outgoing", []string{"aws/..."}, nothing, "signs; knows no store of objects"},
	{"services/s3/embedded/key", nothing, nothing, "keys and paths; both ends know it"},
	{
		"services/s3/embedded/program",
		[]string{"services/s3/embedded", "services/s3/embedded/key", "services/s3/outgoing"},
		[]string{"github.com/versity/versitygw", "github.com/aws/aws-sdk-go-v2/service/s3", "golang.org/x/sys/unix"},
		"the only room that knows the library",
	},
	{
		"services/s3/embedded",
		[]string{"aws/...", "services/s3/outgoing", "services/s3/embedded/key"},
		[]string{"golang.org/x/sys/unix"},
		"starts postern-s3; the library is not in the server",
	},
	{"services/s3/external", []string{"aws/...", "services/s3/outgoing"}, nothing, "a client of an S3 service elsewhere"},
	{
		"services/s3",
		[]string{"aws/...", "record/..."},
		nothing,
		"buckets are records, whoever keeps the objects",
	},
	{"services/...", []string{"aws/...", "record/...", "services/..."}, nil, "what the hearts need around them"},
	{"test/notes", []string{"aws/...", "record/..."}, nothing, "a service, as services/... are"},
	{
		"test/notes/endpoint",
		[]string{"aws/...", "api", "api/page", "api/tags", "test/notes"},
		nothing,
		"its table of operations, as services/*/endpoint are",
	},
	{
		"api/nodetest",
		[]string{"aws/...", "record", "ssm/...", "api/..."},
		nil,
		"serves services that keep their records in memory",
	},
	{
		"api/...",
		[]string{"aws/...", "bus", "network", "network/vpc", "ssm/...", "services/...", "api/..."},
		nil,
		"the skin is thin and never sees the fabric",
	},
	{
		"store/...",
		[]string{"aws/...", "record/...", "network", "network/vpc", "ssm/...", "services/...", "store/..."},
		nil,
		"implements the hearts' interfaces",
	},
	{
		"agent/...",
		[]string{"aws/...", "ssm/mgs", "ssm/document", "network/link/...", "agent/..."},
		nil,
		"no server code can reach a node",
	},
	{"doctor/...", []string{"network/vpc", "aws/...", "doctor/..."}, nil, "works on any EC2 API"},
	{
		"cli/...",
		[]string{"aws/...", "ssm/mgs", "network/link/...", "doctor/...", "cli/..."},
		nil,
		"a client like any other: no back door",
	},
	{"cmd/postern-agent", []string{"agent/..."}, nil, "free of server code"},
	{"cmd/postern-s3", []string{"services/s3/embedded/program"}, nothing, "only the store of objects"},
	{"internal/testreport", nothing, nothing, "prints what go test did"},
	{"internal/gobuild", nothing, nothing, "prints how far go build is, before anything else is built"},
	{"internal/gen/...", []string{"aws/...", "api/...", "internal/gen/..."}, nil, "generators"},
	{
		"server/datadir",
		[]string{"aws/fault", "services/compute/guest"},
		[]string{"golang.org/x/sys/unix"},
		"a directory and its lock",
	},
	{
		"server/front",
		[]string{"aws/fault", "api", "network/vpc"},
		[]string{"golang.org/x/sys/unix"},
		"accepts clients; knows no service",
	},
	{"server/join", []string{
		"aws/...", "network", "network/vpc", "network/fabric", "network/link", "services/machine", "ssm/node",
	}, nothing, "the policy of joining"},
	{"server/lab", []string{"aws/fault", "server", "server/front", "services/compute/guest"}, nothing,
		"one server after another"},
	{"server", []string{"..."}, nil, "ties everything"},
	{"bench/...", []string{"..."}, nil, "measures everything"},
	{"cmd/...", []string{"..."}, nil, "ten lines"},
	{"test/...", []string{"..."}, nil, "tests everything"},
	{".", nothing, nothing, "only the rules themselves"},
}

// onlyFrom lists rooms that only the named ones may import.
var onlyFrom = map[string][]string{
	"server/...":     {"cmd/postern/...", "server/...", "test/...", "bench/..."},
	"server/datadir": {"server"},
	"server/join":    {"server"},
	"store/...":      {"server/...", "store/...", "test/...", "bench/..."},
	"api/...":        {"server/...", "api/...", "services/*/endpoint", "internal/gen/...", "test/...", "bench/..."},
	"test/...":       {"test/...", "bench/..."},
	"bench/...":      {"bench/...", "test/..."},
	// The library of objects would make the server and the agent larger and slower to start.
	"services/s3/embedded/program": {"cmd/postern-s3", "bench/..."},
}

// agentMay is all of ours that may end up in the node's binary, however it gets there.
var agentMay = []string{"cmd/postern-agent", "agent/...", "ssm/mgs", "ssm/document", "network/link/...", "aws/..."}

// agentMustNot are modules too heavy, or too powerful, for a node.
var agentMustNot = []string{
	"github.com/aws/aws-sdk-go-v2", "modernc.org/sqlite", "github.com/pressly/goose", "github.com/spf13/cobra",
	"github.com/miekg/dns", "github.com/versity/versitygw", "github.com/gofiber/fiber",
}

// A source is what one package's files import, tests aside.
type source struct {
	imports map[string]string // import path → file
	doc     bool
	files   int
}

func readSources(t *testing.T) map[string]*source {
	t.Helper()
	sources := map[string]*source{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." &&
			(strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "tools" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		if sources[dir] == nil {
			sources[dir] = &source{imports: map[string]string{}}
		}
		sources[dir].add(name, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 30 {
		t.Fatalf("only %d packages found: the test does not see the tree", len(sources))
	}
	return sources
}

func (s *source) add(name string, file *ast.File) {
	s.files++
	s.doc = s.doc || file.Doc != nil && len(strings.TrimSpace(file.Doc.Text())) > 20
	for _, i := range file.Imports {
		s.imports[strings.Trim(i.Path.Value, `"`)] = name
	}
}

func within(room, dir string) bool {
	if rest, ok := strings.CutSuffix(room, "..."); ok {
		rest = strings.TrimSuffix(rest, "/")
		return rest == "" || dir == rest || strings.HasPrefix(dir, rest+"/")
	}
	matched, err := path.Match(room, dir)
	return matched && err == nil
}

func withinAny(rooms []string, dir string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return within(room, dir) })
}

// ours returns the directory of one of our own packages.
func ours(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func TestWalls(t *testing.T) {
	for dir, s := range readSources(t) {
		i := slices.IndexFunc(walls, func(w wall) bool { return within(w.room, dir) })
		if i < 0 {
			t.Errorf("package %s stands in no room: add it to the walls", dir)
			continue
		}
		w := walls[i]
		for imported, file := range s.imports {
			target, our := ours(imported)
			switch {
			case our && !withinAny(w.ours, target):
				t.Errorf("%s imports %s, but %s may not: %s", file, imported, w.room, w.why)
			case !our && !isStandard(imported) && w.outside != nil && !slices.ContainsFunc(
				w.outside, func(p string) bool { return strings.HasPrefix(imported, p) },
			):
				t.Errorf("%s imports %s, but %s takes nothing from outside: %s", file, imported, w.room, w.why)
			}
			if !our {
				continue
			}
			for room, from := range onlyFrom {
				if within(room, target) && !withinAny(from, dir) {
					t.Errorf("%s imports %s, which only %v may", file, imported, from)
				}
			}
		}
	}
}

// serverMustNot are modules that only postern-s3 may hold: linked into the server, they made it a quarter larger, and
// every start of it slower (docs/decisions/0012).
var serverMustNot = []string{"github.com/versity/versitygw", "github.com/gofiber/fiber", "github.com/valyala/fasthttp"}

func TestAgentIsFreeOfServerCode(t *testing.T) {
	seen := held(t, "cmd/postern-agent", agentMustNot)
	for dir := range seen {
		if !withinAny(agentMay, dir) {
			t.Errorf("the agent's binary holds %s", dir)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %v found in the agent", seen)
	}
}

func TestServerIsFreeOfTheLibraryOfObjects(t *testing.T) {
	if seen := held(t, "cmd/postern", serverMustNot); len(seen) < 50 || seen["services/s3/embedded/program"] {
		t.Errorf("the server holds %v", seen)
	}
	if seen := held(t, "cmd/postern-s3", nil); !seen["services/s3/embedded/program"] || seen["server"] {
		t.Errorf("postern-s3 holds %v", seen)
	}
}

// held returns all packages of ours in a program, and refuses modules that must not be there.
func held(t *testing.T, program string, mustNot []string) map[string]bool {
	t.Helper()
	sources := readSources(t)
	seen := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if seen[dir] || sources[dir] == nil {
			return
		}
		seen[dir] = true
		for imported, file := range sources[dir].imports {
			if target, our := ours(imported); our {
				visit(target)
			}
			for _, heavy := range mustNot {
				if strings.HasPrefix(imported, heavy) {
					t.Errorf("%s holds %s through %s", program, imported, file)
				}
			}
		}
	}
	visit(program)
	return seen
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for dir, s := range readSources(t) {
		if !s.doc {
			t.Errorf("package %s has no comment that says what it is", path.Join(module, dir))
		}
	}
}
