package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"postern/aws/postern"
	"postern/aws/service/ec2"
	"postern/aws/service/ssm"
	"postern/aws/service/sts"
)

// status describes the private networks, their endpoints and the nodes.
type status struct {
	Endpoint string `json:"endpoint"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	// Organization is the path of the accounts in theirs, empty for none.
	Organization string           `json:"organization,omitempty"`
	VPCs         []vpcStatus      `json:"vpcs"`
	Endpoints    []endpointStatus `json:"endpoints"`
	Nodes        []nodeStatus     `json:"nodes"`
}

type vpcStatus struct {
	ID   string `json:"id"`
	CIDR string `json:"cidr"`
}

type endpointStatus struct {
	ID         string `json:"id"`
	VPC        string `json:"vpc"`
	Service    string `json:"service"`
	State      string `json:"state"`
	PrivateDNS bool   `json:"private_dns"`
}

type nodeStatus struct {
	ID       string    `json:"id"`
	Ping     string    `json:"ping"`
	LastPing time.Time `json:"last_ping"`
	Address  string    `json:"address"`
	Agent    string    `json:"agent"`
	Platform string    `json:"platform"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the private networks, their endpoints and the nodes",
		Args:  takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, connection, err := a.open()
			if err != nil {
				return err
			}
			s, err := readStatus(cmd.Context(), cl, connection)
			if err != nil {
				return err
			}
			if a.json() {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(s)
			}
			return s.print(cmd.OutOrStdout())
		},
	}
}

func readStatus(ctx context.Context, cl *clients, c Connection) (*status, error) {
	who, err := cl.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	s := &status{Endpoint: c.Endpoint, Region: c.Region, Account: aws.ToString(who.Account)}
	// Amazon has no such operation, and who may not call it does not learn.
	if o, err := cl.postern.DescribeOrganization(ctx, &postern.DescribeOrganizationInput{}); err == nil {
		s.Organization = o.Path
	}
	vpcs := ec2.NewDescribeVpcsPaginator(cl.ec2, &ec2.DescribeVpcsInput{})
	for vpcs.HasMorePages() {
		page, err := vpcs.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Vpcs {
			s.VPCs = append(s.VPCs, vpcStatus{aws.ToString(v.VpcId), aws.ToString(v.CidrBlock)})
		}
	}
	endpoints := ec2.NewDescribeVpcEndpointsPaginator(cl.ec2, &ec2.DescribeVpcEndpointsInput{})
	for endpoints.HasMorePages() {
		page, err := endpoints.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, e := range page.VpcEndpoints {
			s.Endpoints = append(s.Endpoints, endpointStatus{
				aws.ToString(e.VpcEndpointId), aws.ToString(e.VpcId), aws.ToString(e.ServiceName), string(e.State),
				aws.ToBool(e.PrivateDnsEnabled),
			})
		}
	}
	nodes := ssm.NewDescribeInstanceInformationPaginator(cl.ssm, &ssm.DescribeInstanceInformationInput{})
	for nodes.HasMorePages() {
		page, err := nodes.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, n := range page.InstanceInformationList {
			s.Nodes = append(s.Nodes, nodeStatus{
				aws.ToString(n.InstanceId), string(n.PingStatus), aws.ToTime(n.LastPingDateTime), aws.ToString(n.IPAddress),
				aws.ToString(n.AgentVersion), aws.ToString(n.PlatformName) + " " + aws.ToString(n.PlatformVersion),
			})
		}
	}
	return s, nil
}

func (s *status) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s  account %s  region %s\n", s.Endpoint, s.Account, s.Region)
	if s.Organization != "" {
		fmt.Fprintf(w, "all accounts are in organization %s\n", plainLine(s.Organization))
	}
	fmt.Fprintf(w, "\nVPC\tCIDR\n")
	for _, v := range s.VPCs {
		fmt.Fprintf(w, "%s\t%s\n", v.ID, v.CIDR)
	}
	fmt.Fprintf(w, "\nENDPOINT\tSERVICE\tSTATE\tPRIVATE DNS\tVPC\n")
	for _, e := range s.Endpoints {
		fmt.Fprintf(w, "%s\t%s\t%s\t%t\t%s\n", e.ID, e.Service, e.State, e.PrivateDNS, e.VPC)
	}
	fmt.Fprintf(w, "\nNODE\tPING\tLAST PING\tADDRESS\tAGENT\tPLATFORM\n")
	for _, n := range s.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", n.ID, n.Ping, n.LastPing.Local().Format(time.DateTime),
			plainLine(n.Address), plainLine(n.Agent), plainLine(n.Platform))
	}
	return w.Flush()
}
