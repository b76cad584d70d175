package cli

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/service/ec2"
	"postern/aws/service/ssm"
)

// completeTime bounds how long the shell waits for values.
const completeTime = 2 * time.Second

// A completer offers values to the shell, each with a description after a tab.
type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag,
		cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
}

func (a *app) completeNodes(cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, a.nodeValues) // the flag is there
}

func (a *app) completeDocuments(cmd *cobra.Command, flag string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, a.values(documentNames)) // the flag is there
}

// nodeValues offers the nodes.
func (a *app) nodeValues(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.values(func(ctx context.Context, cl *clients) ([]string, error) {
		nodes, err := listNodes(ctx, cl)
		var values []string
		for _, n := range nodes {
			values = append(values, n.ID+"\t"+plainLine(strings.TrimSpace(n.Name+" "+n.Ping)))
		}
		return values, err
	})(cmd, args, typed)
}

// values makes a completer of a question to the server. Without an answer there is nothing to offer, and nobody to
// tell.
func (a *app) values(ask func(context.Context, *clients) ([]string, error)) completer {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		a.dataGiven = cmd.Root().PersistentFlags().Changed("data")
		cl, c, err := a.open()
		if err != nil || !answers(cmd.Context(), c.Endpoint) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		values, _ := ask(ctx, cl)
		var fit []string
		for _, v := range values {
			if strings.HasPrefix(v, typed) {
				fit = append(fit, v)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

func documentNames(ctx context.Context, cl *clients) ([]string, error) {
	var names []string
	pages := ssm.NewListDocumentsPaginator(cl.ssm, &ssm.ListDocumentsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return names, err
		}
		for _, d := range page.DocumentIdentifiers {
			names = append(names, aws.ToString(d.Name))
		}
	}
	return names, nil
}

// serviceNames returns the services that endpoints can lead to, Amazon's by their short names.
func serviceNames(ctx context.Context, cl *clients) ([]string, error) {
	out, err := cl.ec2.DescribeVpcEndpointServices(ctx, &ec2.DescribeVpcEndpointServicesInput{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range out.ServiceNames {
		if rest, ok := strings.CutPrefix(name, "com.amazonaws."); ok && !strings.HasPrefix(rest, "vpce.") {
			_, name, _ = strings.Cut(rest, ".")
		}
		names = append(names, name)
	}
	return names, nil
}
