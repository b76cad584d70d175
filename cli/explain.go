package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"postern/doctor"
)

func (a *app) explainCommand() *cobra.Command {
	var from, to, request string
	cmd := &cobra.Command{
		Use:   "explain NODE [SERVICE]",
		Short: "Say why a node does or does not reach a service, and what would mend it",
		Long: "Say why a node (i-…, mi-… or a network interface, eni-…) does or does not reach a service of AWS\n" +
			"(ssm), a host name or an address: what is wrong, at which resource, and what would mend it. Each\n" +
			"finding has an id, such as ingress/no-rule, that docs/findings.md explains. Without a service it\n" +
			"looks at all that a managed node needs. It asks the EC2, IAM, Systems Manager and Route 53 Resolver\n" +
			"APIs and nothing else. Exit code 1 means that something keeps the node away. --from and --to say the\n" +
			"same as the two arguments.\n\n" +
			"With --request it says of one of the latest requests to the server who sent it and which policies,\n" +
			"statements and condition keys decided: its id stands in the answer, which says less.",
		Example: "  postern explain i-0123456789abcdef0\n" +
			"  postern explain i-0123456789abcdef0 ssm\n" +
			"  postern explain --from mi-0123456789abcdef0 --to 10.0.1.20:8080\n" +
			"  postern explain --request 01234567-89ab-cdef-0123-456789abcdef",
		RunE: func(cmd *cobra.Command, args []string) error {
			if request != "" {
				if from != "" || to != "" || len(args) > 0 {
					return mistyped("--request stands alone: postern explain --request ID")
				}
				return a.explainRequest(cmd, request)
			}
			from, to, err := explained(from, to, args)
			if err != nil {
				return err
			}
			cl, connection, err := a.open()
			if err != nil {
				return err
			}
			report, err := doctor.Explain(cmd.Context(), cl.doctor, connection.Region, from, to)
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
	cmd.Flags().StringVar(&to, "to", "",
		"service, host name or address, with :PORT where it is not 443 (default all that a managed node needs)")
	cmd.Flags().StringVar(&request, "request", "", "id of a request to the server whose answer is to be explained")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 && from == "" {
			return a.nodeValues(cmd, args, typed)
		}
		return a.values(serviceNames)(cmd, args, typed)
	}
	a.completeNodes(cmd, "from")
	_ = cmd.RegisterFlagCompletionFunc("to", a.values(serviceNames)) // the flag has just been defined
	return cmd
}

// explained returns the two ends that the flags, and in the places that they leave empty the arguments, ask for.
func explained(from, to string, args []string) (string, string, error) {
	for _, place := range []*string{&from, &to} {
		if *place == "" && len(args) > 0 {
			*place, args = args[0], args[1:]
		}
	}
	switch {
	case from == "":
		return "", "", mistyped("explain what? Name a node (i-…, mi-… or eni-…): postern explain NODE [SERVICE]")
	case len(args) > 0:
		return "", "", mistyped("%q is too much: postern explain NODE [SERVICE]", args[0])
	}
	return from, to, nil
}

// explain returns the doctor's answer for the demo, which knows what it wants to hear.
func (d *demo) explain(ctx context.Context, node, to string) (doctor.Report, error) {
	return doctor.Explain(ctx, d.sample.clients.doctor, d.sample.region, node, to)
}
