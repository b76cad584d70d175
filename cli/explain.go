package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"postern/doctor"
)

func (a *app) explainCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "explain --from NODE --to SERVICE",
		Short: "Say why a node does or does not reach a service, and what would mend it",
		Long: "Say why a node (i-…, mi-… or a network interface, eni-…) does or does not reach a service of AWS (ssm), a host\n" +
			"name or an address: which requirement is not met, by which resource, and what would mend it. It asks the EC2,\n" +
			"IAM, Systems Manager and Route 53 Resolver APIs and nothing else. Exit code 1 means that something keeps the node away.",
		Example: "  postern explain --from i-0123456789abcdef0 --to ssm\n  postern explain --from mi-0123456789abcdef0 --to 10.0.1.20:8080",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, connection, err := a.open()
			if err != nil {
				return err
			}
			report, err := doctor.Explain(cmd.Context(), cl.doctor(), connection.Region, from, to)
			if err != nil {
				return err
			}
			if a.json() {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			} else {
				fmt.Fprintln(cmd.OutOrStdout(), report)
			}
			if err == nil && !report.Works {
				return errSilent
			}
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "node or network interface that connects")
	cmd.Flags().StringVar(&to, "to", "ssm", "service, host name or address, with :PORT where it is not 443")
	_ = cmd.MarkFlagRequired("from") // the flag has just been defined
	return cmd
}

func (c *clients) doctor() doctor.Clients {
	return doctor.Clients{EC2: c.ec2, IAM: c.iam, SSM: c.ssm, STS: c.sts, Resolver: c.resolver}
}

// explain is the doctor's answer for the demo, which knows what it wants to hear.
func (d *demo) explain(ctx context.Context, node, to string) (doctor.Report, error) {
	return doctor.Explain(ctx, d.sample.clients.doctor(), d.sample.region, node, to)
}
