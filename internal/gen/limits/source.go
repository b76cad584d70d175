package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// errAbsent says that botocore of the version is not on this machine.
var errAbsent = errors.New("botocore " + botocore + " is not installed here; " + elsewhere +
	" may name a directory that has it")

// elsewhere is the environment variable that names a directory with botocore, which the AWS CLI is not to see.
const elsewhere = "POSTERN_BOTOCORE"

// findModels asks Python where botocore's models are.
func findModels() (directory string, err error) {
	python := exec.Command("python3", "-c", "import importlib.util as u; print(u.find_spec('botocore').origin)")
	if own := os.Getenv(elsewhere); own != "" {
		python.Env = append(os.Environ(), "PYTHONPATH="+own)
	}
	out, err := python.Output()
	if err != nil {
		return "", errAbsent
	}
	file := strings.TrimSpace(string(out))
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), "__version__ = '")
	if version, _, _ := strings.Cut(rest, "'"); version != botocore {
		return "", fmt.Errorf("%w (found %s)", errAbsent, version)
	}
	return filepath.Join(filepath.Dir(file), "data"), nil
}

// model is a service's model, as far as it is read.
type model struct {
	Operations map[string]struct {
		Input *reference `json:"input"`
	} `json:"operations"`
	Shapes map[string]*shape `json:"shapes"`
}

type reference struct {
	Shape string `json:"shape"`
}

type shape struct {
	Type      string                `json:"type"`
	Members   map[string]*reference `json:"members"`
	Member    *reference            `json:"member"`
	Key       *reference            `json:"key"`
	Value     *reference            `json:"value"`
	Min       *json.Number          `json:"min"`
	Max       *json.Number          `json:"max"`
	Pattern   string                `json:"pattern"`
	Enum      []string              `json:"enum"`
	Sensitive bool                  `json:"sensitive"`
}

// readModel reads the newest version of a service's model.
func readModel(models, service string) (*model, error) {
	files, err := filepath.Glob(filepath.Join(models, service, "*", "service-2.json*"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("%s holds no model of %s", models, service)
	}
	file, err := os.Open(slices.Max(files))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var in io.Reader = file
	if strings.HasSuffix(file.Name(), ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, err
		}
	}
	m := &model{}
	if err := json.NewDecoder(in).Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return m, nil
}

// addEnums adds the values of enums that only the SDK in go.mod knows.
func (m *model) addEnums(service string) (module, version string, err error) {
	module = "github.com/aws/aws-sdk-go-v2/service/" + service
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", module).Output()
	if err != nil {
		return "", "", fmt.Errorf("go list %s: %w", module, err)
	}
	version, source, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	name := filepath.Join(source, "types", "enums.go")
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		return module, version, nil // sts has none
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return "", "", err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			m.addValue(v)
		}
		return true
	})
	return module, version, nil
}

// addValue adds the value of a constant: Name Type = "value".
func (m *model) addValue(v *ast.ValueSpec) {
	typ, isNamed := v.Type.(*ast.Ident)
	if !isNamed || len(v.Values) != 1 {
		return
	}
	literal, isLiteral := v.Values[0].(*ast.BasicLit)
	if !isLiteral {
		return
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return
	}
	for _, name := range []string{typ.Name, strings.ToLower(typ.Name[:1]) + typ.Name[1:]} {
		if s := m.Shapes[name]; s != nil && s.Enum != nil && !slices.Contains(s.Enum, value) {
			s.Enum = append(s.Enum, value)
		}
	}
}
