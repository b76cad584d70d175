package terraform

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestLaunch launches an instance as most configurations do: its image is found by a public parameter, its type has a
// size, and it has a key pair. Nothing of it may be seen as changed, or as half made.
func TestLaunch(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	root := t.TempDir()
	shell, err := os.ReadFile("/bin/sh")
	if err == nil {
		err = os.Mkdir(filepath.Join(root, "bin"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "bin", "sh"), shell, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, s).ec2.RegisterImage(t.Context(), &ec2.RegisterImageInput{
		Name: aws.String("al2023"), ImageLocation: &root, TagSpecifications: []types.TagSpecification{{
			ResourceType: types.ResourceTypeImage, Tags: []types.Tag{{
				Key:   aws.String("postern:public-parameters"),
				Value: aws.String("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
			}},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	vars := []string{
		"public_key=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl deployer@example.com",
	}
	if runtime.GOARCH == "arm64" {
		vars = append(vars, "type=t4g.xlarge")
	}
	w := newWorkspace(t, have, s, "launch")
	w.apply(vars...)
	w.settled(vars...)
	var seen map[string]bool
	w.output("seen", &seen)
	for what, ok := range seen {
		if !ok {
			t.Errorf("%s is not as it was asked for", what)
		}
	}
	w.destroy(vars...)
}
