// Command instancetypes writes aws/instancetype/types.txt: facts about EC2's instance types, a line each. It is run by
// go generate in aws/instancetype.
//
// The facts are of two Go modules that are read and never linked: the limits that Amazon's own VPC resource controller
// carries (Apache-2.0), which are kept up to date and name every type, and a copy of ec2instances.info (MIT), which has
// processors and memory but lacks the newest types. For these, where the family's name begins with c, m or r, both
// follow from the name (EC2 User Guide, "Instance type naming conventions"); the command ends if one of the types that
// are known disagrees. Types of which too little is known, those of macOS, and those that the AWS SDK does not know are
// left out.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	limitsModule = "github.com/aws/amazon-vpc-resource-controller-k8s@v1.8.2"
	sizesModule  = "github.com/cristim/ec2-instances-info@v0.0.0-20250528091325-32acf84f42eb"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("instancetypes: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: instancetypes OUTPUT-FILE")
	}
	limits, err := download(limitsModule)
	if err != nil {
		log.Fatal(err)
	}
	sizes, err := download(sizesModule)
	if err != nil {
		log.Fatal(err)
	}
	names, err := sdk()
	if err != nil {
		log.Fatal(err)
	}
	text, err := generate(limits, sizes, names)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[1], text, 0o600); err != nil {
		log.Fatal(err)
	}
}

// download brings a module into the module cache, outside of any go.mod, and gives its directory.
func download(module string) (dir string, err error) {
	c := exec.Command("go", "mod", "download", "-json", module)
	c.Dir = os.TempDir()
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w: %s", module, err, out)
	}
	var m struct{ Dir string }
	err = json.Unmarshal(out, &m)
	return m.Dir, err
}

// sdk gives the directory of the SDK's EC2 client, which is in go.mod.
func sdk() (dir string, err error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/service/ec2").Output()
	return strings.TrimSpace(string(out)), err
}

func generate(limitsDir, sizesDir, sdkDir string) ([]byte, error) {
	names, err := readNames(filepath.Join(sdkDir, "types", "enums.go"))
	if err != nil {
		return nil, err
	}
	limits, err := readLimits(filepath.Join(limitsDir, "pkg", "aws", "vpc", "limits.go"))
	if err != nil {
		return nil, err
	}
	sizes, err := readSizes(filepath.Join(sizesDir, "data", "instances.json"))
	if err != nil {
		return nil, err
	}
	for name, known := range sizes {
		if s, ok := sizeByName(name); ok && (s.vcpus != known.vcpus || s.mib != known.mib || s.arch != known.arch) {
			return nil, fmt.Errorf("%s has %+v, by its name %+v", name, known, s)
		}
	}
	return write(names, limits, sizes), nil
}
