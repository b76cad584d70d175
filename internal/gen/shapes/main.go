// Command shapes writes packages postern/aws/service/<service>: of the AWS SDK's packages of the same names, the input
// and output types of the operations that Postern's sources mention, the types and enums that these hold, and a client
// of them. It is run by go generate in aws/service.
//
// Nothing lists the operations: a source file that imports postern/aws/service/ec2 and says ec2.CreateVpcInput is the
// list. The SDK's own packages are not compiled, which is what this is for: all of EC2 costs minutes and gigabytes.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A service is one of Amazon's, by its name in the SDK, which is also that of its endpoint and of its signatures.
type service struct {
	name  string
	title string
	// protocol is the name of package wire's constant.
	protocol string
	// target begins X-Amz-Target, for JSON.
	target string
	// namespace is the XML namespace of requests, in the REST-XML protocol.
	namespace string
	// global says that the service has one endpoint for all regions.
	global bool
}

var services = []service{
	{name: "ec2", title: "Amazon EC2", protocol: "EC2"},
	{name: "iam", title: "AWS IAM", protocol: "Query", global: true},
	{name: "route53resolver", title: "Route 53 Resolver", protocol: "JSON", target: "Route53Resolver"},
	{name: "s3", title: "Amazon S3", protocol: "S3", namespace: "http://s3.amazonaws.com/doc/2006-03-01/"},
	{name: "ssm", title: "AWS Systems Manager", protocol: "JSON", target: "AmazonSSM"},
	{name: "sts", title: "AWS STS", protocol: "Query"},
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("shapes: ")
	root, err := goList("-f", "{{.Dir}}")
	if err != nil {
		log.Fatal(err)
	}
	files, err := generate(root)
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// goList asks about a module, or about this one.
func goList(args ...string) (string, error) {
	out, err := exec.Command("go", append([]string{"list", "-m"}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// generate returns the text of every generated file by its path below the root of this module.
func generate(root string) (map[string][]byte, error) {
	uses, err := findUses(root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, s := range services {
		module := "github.com/aws/aws-sdk-go-v2/service/" + s.name
		out, err := goList("-f", "{{.Dir}}\n{{.Version}}", module)
		if err != nil {
			return nil, err
		}
		dir, version, _ := strings.Cut(out, "\n")
		m, err := readModel(dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		m.keep(uses[s.name])
		w := writer{service: s, model: m, source: module + " " + version}
		for name, write := range map[string]func() ([]byte, error){
			"operations.go": w.operations, "client.go": w.client, "types/types.go": w.types, "types/enums.go": w.enums,
		} {
			text, err := write()
			if err != nil {
				return nil, fmt.Errorf("%s/%s: %w", s.name, name, err)
			}
			files["aws/service/"+s.name+"/"+name] = text
		}
	}
	return files, nil
}
