package postern_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A promise is a command that a document tells its reader to type.
type promise struct {
	from  string
	words []string
}

// TestDocumentsKeepTheirWord tries what the documents tell people to type: targets of make, verbs and flags of our
// programs, and operations of the AWS CLI.
func TestDocumentsKeepTheirWord(t *testing.T) {
	documents, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")
	targets, built := makeTargets(t), builtOperations(t)
	help := helper(t)
	tried := map[string]int{}
	for _, name := range documents {
		text := readText(t, name)
		for _, p := range promisesOf(name, text) {
			program := filepath.Base(p.words[0])
			tried[program]++
			switch program {
			case "make":
				if !slices.Contains(targets, p.words[1]) {
					t.Errorf("%s: there is no target %q", p.from, p.words[1])
				}
			case "aws":
				if len(p.words) > 2 && !built[p.words[1]+" "+p.words[2]] {
					t.Errorf("%s: aws %s %s is not built", p.from, p.words[1], p.words[2])
				}
			default:
				checkFlags(t, p, help(program, p.words[1:]))
			}
		}
	}
	for _, program := range []string{"make", "aws", "postern", "postern-agent"} {
		if tried[program] == 0 {
			t.Errorf("no document uses %s: this test has lost its sense", program)
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	shellBlock = regexp.MustCompile("(?s)\n```sh\n(.*?)\n```")
	anyBlock   = regexp.MustCompile("(?s)\n```.*?\n```")
	inline     = regexp.MustCompile("`([^`\n]+)`")
	assignment = regexp.MustCompile(`^[A-Z_]+=`)
)

// promisesOf lists the commands in a document's shell blocks, and those inside its sentences.
func promisesOf(name, text string) []promise {
	var lines []string
	for _, block := range shellBlock.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(strings.ReplaceAll(block[1], "\\\n", " "), "\n")...)
	}
	for _, m := range inline.FindAllStringSubmatch(anyBlock.ReplaceAllString(text, ""), -1) {
		lines = append(lines, m[1])
	}
	var promises []promise
	for _, line := range lines {
		from := name + ": " + line
		line, _, _ = strings.Cut(line, " #")
		line = strings.TrimSuffix(strings.TrimPrefix(line, `eval "$(`), `)"`)
		words := strings.Fields(line)
		for len(words) > 0 && assignment.MatchString(words[0]) {
			words = words[1:]
		}
		if len(words) > 1 && slices.Contains([]string{"make", "aws", "postern", "postern-agent"}, filepath.Base(words[0])) {
			promises = append(promises, promise{from, words})
		}
	}
	return promises
}

func makeTargets(t *testing.T) []string {
	t.Helper()
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(readText(t, "Makefile"), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// builtOperations are the commands of the AWS CLI that docs/coverage.md lists, as "ec2 describe-vpcs".
func builtOperations(t *testing.T) map[string]bool {
	t.Helper()
	built, service := map[string]bool{}, ""
	hump := regexp.MustCompile(`([a-z0-9])([A-Z])`)
	for line := range strings.Lines(readText(t, "docs/coverage.md")) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			service = strings.TrimSpace(name)
		}
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "|" {
			built[service+" "+strings.ToLower(hump.ReplaceAllString(fields[1], "$1-$2"))] = true
		}
	}
	return built
}

// helper builds our programs and returns what asks one of them about a verb.
func helper(t *testing.T) func(program string, words []string) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "./cmd/postern", "./cmd/postern-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	texts := map[string]string{}
	return func(program string, words []string) string {
		var verb []string
		for _, w := range words {
			if !regexp.MustCompile(`^[a-z]+$`).MatchString(w) {
				break
			}
			verb = append(verb, w)
		}
		key := strings.Join(append([]string{program}, verb...), " ")
		if _, ok := texts[key]; !ok {
			out, err := exec.Command(filepath.Join(dir, program), append(verb, "--help")...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), key) {
				t.Errorf("%s --help: %v\n%s", key, err, out)
			}
			texts[key] = string(out)
		}
		return texts[key]
	}
}

// checkFlags wants every flag of a command in its help; what stands behind "--" belongs to another program.
func checkFlags(t *testing.T, p promise, help string) {
	t.Helper()
	for _, w := range p.words {
		if w == "--" {
			return
		}
		name := strings.TrimLeft(w, "-")
		if name == w {
			continue
		}
		name, _, _ = strings.Cut(name, "=")
		if !regexp.MustCompile(`(?m)(^|[\s,])--?` + regexp.QuoteMeta(name) + `\b`).MatchString(help) {
			t.Errorf("%s: there is no flag %s\n%s", p.from, w, help)
		}
	}
}
