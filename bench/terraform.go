package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"postern/bench/report"
)

var terraform = part{
	name: "terraform", longest: 3 * time.Minute, measure: (*bench).measureTerraform,
	targets: []target{
		{"`terraform apply` of private Systems Manager", "< 60 s"},
		{"Postern's own answers in it", "< 2 s"},
	},
	how: "The configuration below `test/terraform` (VPC, two subnets, groups, seven endpoints, role, profile, " +
		"instance, activation, parameters, document), applied with the " +
		"unmodified provider, 20 resources at once, to an empty server. Its own answers are the sum of what the server " +
		"says each request has taken it, though many are worked on at once.",
}

// configuration is the directory that is applied, as seen from the root of the source.
const configuration = "test/terraform/testdata/private_ssm"

func (b *bench) measureTerraform(ctx context.Context) ([]report.Row, error) {
	mirror, err := findProvider()
	if err != nil {
		return nil, err
	}
	data, err := b.directory("data")
	if err != nil {
		return nil, err
	}
	s, err := b.up(ctx, data, anywhere, "--verbose")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	dir, err := b.directory("terraform")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(dir, os.DirFS(configuration)); err != nil {
		return nil, err
	}
	rc := filepath.Join(dir, "terraform.rc")
	text := fmt.Sprintf(
		"disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror,
	)
	if err := os.WriteFile(rc, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := s.runTerraform(ctx, dir, "init", "-no-color"); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.runTerraform(ctx, dir, "apply", "-auto-approve", "-no-color", "-parallelism=20"); err != nil {
		return nil, err
	}
	took := time.Since(began)
	worked, requests, err := s.worked()
	if err != nil {
		return nil, err
	}
	return []report.Row{{
		Figure: report.Time(took), Verdict: report.Judge(took < time.Minute),
		Limit: "the provider's pauses between two looks: 10 s for a VPC's attribute, 5 s for endpoints, 10 s for an instance",
	}, {
		Figure: fmt.Sprintf("%s for %d requests", report.Time(worked),
			requests), Verdict: report.Judge(worked < 2*time.Second),
		Limit: "the synced commits of what is made",
	}}, nil
}

// findProvider looks for the provider where Terraform looks for installed ones and in $TF_PLUGIN_MIRROR.
func findProvider() (string, error) {
	if _, err := exec.LookPath("terraform"); err != nil {
		return "", errors.New("terraform is not on PATH")
	}
	home, _ := os.UserHomeDir() // without one it is not there
	for _, dir := range []string{
		os.Getenv("TF_PLUGIN_MIRROR"), filepath.Join(home, ".terraform.d/plugins"),
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/tf-plugins",
	} {
		if _, err := os.Stat(filepath.Join(dir, "registry.terraform.io/hashicorp/aws")); dir != "" && err == nil {
			return dir, nil
		}
	}
	return "", errors.New("the AWS provider is in no plugin directory")
}

func (s *server) runTerraform(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir = dir
	cmd.Env = append(
		environment(),
		"TF_CLI_CONFIG_FILE="+filepath.Join(dir, "terraform.rc"),
		"TF_IN_AUTOMATION=1",
		"TF_INPUT=0",
		"AWS_ENDPOINT_URL="+s.connection.Endpoint,
		"AWS_REGION="+s.connection.Region,
		"AWS_CA_BUNDLE="+s.connection.CAFile,
		"AWS_ACCESS_KEY_ID="+s.connection.KeyID,
		"AWS_SECRET_ACCESS_KEY="+s.connection.Secret,
	)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("terraform %s: %w: %s", args[0], err, tail(out))
	}
	return nil
}

var durationField = regexp.MustCompile(` duration=(\S+)`)

// worked is how long the server has worked on the requests of its root user, and on how many.
func (s *server) worked() (total time.Duration, requests int, err error) {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if m := durationField.FindStringSubmatch(line); m != nil && strings.Contains(line, ":root ") {
			d, err := time.ParseDuration(m[1])
			if err != nil {
				return 0, 0, err
			}
			total, requests = total+d, requests+1
		}
	}
	if requests == 0 {
		return 0, 0, errors.New("the server has logged no request")
	}
	return total, requests, nil
}
