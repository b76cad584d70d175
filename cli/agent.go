package cli

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"postern/ssm/mgs"
)

func (a *app) agentCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "agent", Short: "Manage the releases of postern-agent that nodes update to"}
	group(cmd)
	cmd.AddCommand(&cobra.Command{
		Use:   "publish FILE",
		Short: "Offer a program of postern-agent to nodes",
		Long: "Offer a program of postern-agent to nodes: the server that runs with the data directory puts it into the\n" +
			"bucket amazon-ssm-REGION within a minute, where the document AWS-UpdateSSMAgent finds it. FILE is run\n" +
			"once, to say its version.",
		Example: "  postern agent publish ./postern-agent",
		Args:    takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, version, err := a.publishAgent(cmd.Context(), args[0])
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "postern-agent %s is in %s\n", version, to)
			}
			return err
		},
	})
	return cmd
}

var agentVersion = regexp.MustCompile(`^postern-agent ([0-9]+(?:\.[0-9]+){3})\s*$`)

// publishAgent copies a program to where the server looks for releases, whole or not at all.
func (a *app) publishAgent(ctx context.Context, from string) (to, version string, err error) {
	if from, err = filepath.Abs(from); err != nil {
		return "", "", err
	}
	program, err := elf.Open(from)
	if err != nil {
		return "", "", fmt.Errorf("%s is no program for Linux: %w", from, err)
	}
	architecture := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"}[program.Machine]
	if err := program.Close(); err != nil {
		return "", "", err
	}
	said, err := exec.CommandContext(ctx, from, "version").CombinedOutput()
	m := agentVersion.FindStringSubmatch(string(said))
	if err != nil || m == nil || architecture == "" {
		return "", "", fmt.Errorf("%s does not say a version of postern-agent for amd64 or arm64: %q", from,
			strings.TrimSpace(string(said)))
	}
	body, err := os.ReadFile(from)
	if err != nil {
		return "", "", err
	}
	to = filepath.Join(a.dataDir, "agents", m[1], mgs.AgentFile("linux", architecture))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", "", err
	}
	part := filepath.Join(filepath.Dir(to), ".new")
	if err := os.WriteFile(part, body, 0o600); err != nil {
		return "", "", err
	}
	return to, m[1], os.Rename(part, to)
}
