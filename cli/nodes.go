package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/service/ec2"
	ec2types "postern/aws/service/ec2/types"
	"postern/aws/service/ssm"
	ssmtypes "postern/aws/service/ssm/types"
)

// watchEvery sets the interval at which --watch looks.
const watchEvery = time.Second

// managedNode is a machine that is a managed node, or an instance that could become one.
type managedNode struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	// State is an instance's ("running"), Ping what Systems Manager says; empty where it has not registered.
	State    string    `json:"state,omitempty"`
	Ping     string    `json:"ping,omitempty"`
	LastPing time.Time `json:"last_ping,omitzero"`
	Address  string    `json:"address,omitempty"`
	VPC      string    `json:"vpc,omitempty"`
	Subnet   string    `json:"subnet,omitempty"`
	// Groups are the ids of its security groups.
	Groups   []string          `json:"groups,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	Agent    string            `json:"agent,omitempty"`
	Platform string            `json:"platform,omitempty"`
}

func (a *app) nodesCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "nodes",
		Short: "List the nodes with names, states, addresses, groups and tags",
		Long: "List the managed nodes, and the instances that are not managed yet, with names, states, addresses,\n" +
			"security groups and tags. With --watch each node is printed again when it changes, until Ctrl-C;\n" +
			"with --output json too, one object a line.",
		Example: "  postern nodes\n" +
			"  postern nodes --watch\n" +
			"  postern nodes --output json",
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, _, err := a.open()
			if err != nil {
				return err
			}
			if watch {
				return a.watchNodes(cmd, cl)
			}
			nodes, err := listNodes(cmd.Context(), cl)
			if err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(nodes)
			}
			return printNodes(cmd.OutOrStdout(), nodes, true)
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on, and print what changes")
	return cmd
}

func (a *app) watchNodes(cmd *cobra.Command, cl *clients) error {
	ctx, stop := untilStopped(cmd.Context())
	defer stop()
	last := map[string]string{}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		nodes, err := listNodes(ctx, cl)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.tellChanges(cmd.OutOrStdout(), nodes, last, first); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tellChanges prints the nodes that are not as they were, and those that are gone.
func (a *app) tellChanges(out io.Writer, nodes []managedNode, last map[string]string, first bool) error {
	var changed []managedNode
	there := map[string]bool{}
	for _, n := range nodes {
		there[n.ID] = true
		compared := n
		compared.LastPing = time.Time{} // that it goes on answering is no news
		if now := fmt.Sprint(compared); last[n.ID] != now {
			last[n.ID], changed = now, append(changed, n)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		if !there[id] {
			delete(last, id)
			changed = append(changed, managedNode{ID: id, State: "gone"})
		}
	}
	if !a.json() {
		return printNodes(out, changed, first)
	}
	for _, n := range changed {
		if err := json.NewEncoder(out).Encode(n); err != nil {
			return err
		}
	}
	return nil
}

// listNodes returns every managed node and every instance, in the order of their ids.
func listNodes(ctx context.Context, cl *clients) ([]managedNode, error) {
	all, err := instances(ctx, cl)
	if err != nil {
		return nil, err
	}
	managed, err := registered(ctx, cl)
	if err != nil {
		return nil, err
	}
	for _, m := range managed {
		n, known := all[m.ID]
		if !known {
			n = &managedNode{ID: m.ID}
			all[m.ID] = n
		}
		n.Ping, n.LastPing, n.Agent, n.Platform = m.Ping, m.LastPing, m.Agent, m.Platform
		n.Name, n.Address = cmp.Or(n.Name, m.Name), cmp.Or(n.Address, m.Address)
		if strings.HasPrefix(m.ID, "mi-") {
			if n.Tags, err = nodeTags(ctx, cl, m.ID); err != nil {
				return nil, err
			}
		}
	}
	if err := placeJoined(ctx, cl, all); err != nil {
		return nil, err
	}
	nodes := []managedNode{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		nodes = append(nodes, *all[id])
	}
	return nodes, nil
}

func instances(ctx context.Context, cl *clients) (map[string]*managedNode, error) {
	all := map[string]*managedNode{}
	pages := ec2.NewDescribeInstancesPaginator(cl.ec2, &ec2.DescribeInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				n := &managedNode{
					ID: aws.ToString(i.InstanceId), Address: aws.ToString(i.PrivateIpAddress), VPC: aws.ToString(i.VpcId),
					Subnet: aws.ToString(i.SubnetId), Groups: groupIDs(i.SecurityGroups), Tags: map[string]string{},
				}
				if i.State != nil {
					n.State = string(i.State.Name)
				}
				for _, t := range i.Tags {
					n.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
				}
				n.Name = n.Tags["Name"]
				all[n.ID] = n
			}
		}
	}
	return all, nil
}

func groupIDs(groups []ec2types.GroupIdentifier) (ids []string) {
	for _, g := range groups {
		ids = append(ids, aws.ToString(g.GroupId))
	}
	return ids
}

// registered returns the managed nodes with one of the ping states, or with any.
func registered(ctx context.Context, cl *clients, pings ...string) ([]managedNode, error) {
	in := &ssm.DescribeInstanceInformationInput{}
	if len(pings) > 0 {
		in.Filters = []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("PingStatus"), Values: pings}}
	}
	var nodes []managedNode
	pages := ssm.NewDescribeInstanceInformationPaginator(cl.ssm, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range page.InstanceInformationList {
			nodes = append(nodes, managedNode{
				ID:       aws.ToString(i.InstanceId),
				Name:     aws.ToString(i.Name),
				Ping:     string(i.PingStatus),
				LastPing: aws.ToTime(i.LastPingDateTime),
				Address:  aws.ToString(i.IPAddress), Agent: aws.ToString(i.AgentVersion),
				Platform: strings.TrimSpace(aws.ToString(i.PlatformName) + " " + aws.ToString(i.PlatformVersion)),
			})
		}
	}
	return nodes, nil
}

func nodeTags(ctx context.Context, cl *clients, id string) (map[string]string, error) {
	out, err := cl.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{
		ResourceType: ssmtypes.ResourceTypeForTaggingManagedInstance, ResourceId: &id,
	})
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, t := range out.TagList {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// placeJoined fills in where the joined machines are, from their interfaces.
func placeJoined(ctx context.Context, cl *clients, all map[string]*managedNode) error {
	pages := ec2.NewDescribeNetworkInterfacesPaginator(cl.ec2, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{filter("attachment.instance-id", "mi-*")},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, i := range page.NetworkInterfaces {
			if i.Attachment == nil {
				continue
			}
			if n := all[aws.ToString(i.Attachment.InstanceId)]; n != nil {
				n.VPC, n.Subnet, n.Groups = aws.ToString(i.VpcId), aws.ToString(i.SubnetId), groupIDs(i.Groups)
				n.Address = aws.ToString(i.PrivateIpAddress)
			}
		}
	}
	return nil
}

// printNodes prints a table. Rows that follow later, without a head, are not aligned with those before.
func printNodes(out io.Writer, nodes []managedNode, head bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if head {
		fmt.Fprintln(w, "NODE\tNAME\tSTATE\tPING\tADDRESS\tSUBNET\tGROUPS\tTAGS")
	}
	for _, n := range nodes {
		var tags []string
		for _, key := range slices.Sorted(maps.Keys(n.Tags)) {
			if key != "Name" {
				tags = append(tags, key+"="+n.Tags[key])
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.ID, dash(plainLine(n.Name)), dash(n.State), dash(n.Ping),
			dash(plainLine(n.Address)), dash(n.Subnet), dash(strings.Join(n.Groups,
				",")), dash(plainLine(strings.Join(tags, " "))))
	}
	return w.Flush()
}

// dash stands where there is nothing, so that columns can be counted.
func dash(s string) string { return cmp.Or(s, "-") }
