package terraform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"postern/aws/transport"
	postern "postern/server"
)

// TestPrivateSystemsManager is the engineer's story: apply, see the node Online, nothing left to change, destroy.
func TestPrivateSystemsManager(t *testing.T) {
	have := findTools(t)
	t.Parallel()
	s := serve(t)
	w := newWorkspace(t, have, s, "private_ssm")
	began := time.Now()
	w.apply()
	took := time.Since(began)
	worked, requests := s.answering()
	t.Logf("apply took %v; Postern worked %v on %d requests", took.Round(time.Millisecond), worked.Round(time.Millisecond),
		requests)
	c := connect(t, s)
	var instance, document string
	w.output("instance", &instance)
	w.output("document", &document)
	c.online(instance)
	if said := c.run(document, instance); said != "hello from the parameter store\nmade by terraform\n" {
		t.Errorf("the document says %q", said)
	}
	w.settled()
	w.destroy()
	c.empty()
}

// clients look at what Terraform made, past Terraform.
type clients struct {
	t       *testing.T
	account string
	ec2     *ec2.Client
	iam     *iam.Client
	ssm     *ssm.Client
}

func connect(t *testing.T, s *server) *clients {
	t.Helper()
	value := func(name string) string {
		for _, v := range s.env {
			if text, ok := strings.CutPrefix(v, name+"="); ok {
				return text
			}
		}
		t.Fatalf("postern env prints no %s", name)
		return ""
	}
	pem, err := os.ReadFile(value("AWS_CA_BUNDLE"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(base.CloseIdleConnections)
	config := aws.Config{
		Region: value(
			"AWS_REGION",
		), BaseEndpoint: aws.String(value("AWS_ENDPOINT_URL")), HTTPClient: transport.Client(&http.Client{Transport: base}),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: value("AWS_ACCESS_KEY_ID"), SecretAccessKey: value("AWS_SECRET_ACCESS_KEY")}, nil
		}),
	}
	return &clients{
		t,
		postern.DefaultAccount,
		ec2.NewFromConfig(config),
		iam.NewFromConfig(config),
		ssm.NewFromConfig(config),
	}
}

// online waits until a node is.
func (c *clients) online(id string) {
	c.t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	deadline := time.After(patience)
	for {
		out, err := c.ssm.DescribeInstanceInformation(c.t.Context(), &ssm.DescribeInstanceInformationInput{
			Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{id}}},
		})
		if err != nil {
			c.t.Fatal(err)
		}
		if len(out.InstanceInformationList) == 1 && out.InstanceInformationList[0].PingStatus == ssmtypes.PingStatusOnline {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			c.t.Fatalf("%s is not Online after %v: %+v", id, patience, out.InstanceInformationList)
		}
	}
}

// run runs a document on a node, waits for its end and returns what it wrote.
func (c *clients) run(document, node string) string {
	c.t.Helper()
	sent, err := c.ssm.SendCommand(c.t.Context(),
		&ssm.SendCommandInput{DocumentName: &document, InstanceIds: []string{node}})
	if err != nil {
		c.t.Fatal(err)
	}
	done, err := ssm.NewCommandExecutedWaiter(
		c.ssm, func(o *ssm.CommandExecutedWaiterOptions) { o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second },
	).
		WaitForOutput(c.t.Context(), &ssm.GetCommandInvocationInput{
			CommandId: sent.Command.CommandId, InstanceId: &node,
		}, patience)
	if err != nil {
		c.t.Fatalf("%s on %s: %v", document, node, err)
	}
	return aws.ToString(done.StandardOutputContent)
}

// empty wants nothing of what a story makes to be left.
func (c *clients) empty() {
	c.t.Helper()
	counts := c.networkCounts()
	maps.Copy(counts, c.otherCounts())
	for what, count := range counts {
		if n, err := count(); n != 0 || err != nil {
			c.t.Errorf("%d %s are left (%v)", n, what, err)
		}
	}
}

// networkCounts count what there is at the ec2 endpoint.
func (c *clients) networkCounts() map[string]func() (int, error) {
	ctx := c.t.Context()
	return map[string]func() (int, error){
		"VPCs": func() (int, error) {
			out, err := c.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return len(out.Vpcs), err
		},
		"endpoints": func() (int, error) {
			out, err := c.ec2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{})
			return len(out.VpcEndpoints), err
		},
		"security groups": func() (int, error) {
			out, err := c.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{})
			return len(out.SecurityGroups), err
		},
		"interfaces": func() (int, error) {
			out, err := c.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})
			return len(out.NetworkInterfaces), err
		},
		"instances": func() (int, error) {
			out, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{
				{
					Name:   aws.String("instance-state-name"),
					Values: []string{"pending", "running", "stopping", "stopped", "shutting-down"},
				},
			}})
			return len(out.Reservations), err
		},
		"volumes": func() (int, error) {
			out, err := c.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
			return len(out.Volumes), err
		},
		"prefix lists": func() (int, error) {
			out, err := c.ec2.DescribeManagedPrefixLists(ctx, &ec2.DescribeManagedPrefixListsInput{Filters: []ec2types.Filter{
				{Name: aws.String("owner-id"), Values: []string{c.account}},
			}})
			return len(out.PrefixLists), err
		},
		"peerings": func() (int, error) {
			states := []string{"active", "pending-acceptance", "provisioning"}
			out, err := c.ec2.DescribeVpcPeeringConnections(ctx, &ec2.DescribeVpcPeeringConnectionsInput{
				Filters: []ec2types.Filter{{Name: aws.String("status-code"), Values: states}},
			})
			return len(out.VpcPeeringConnections), err
		},
	}
}

// otherCounts count what there is at the other endpoints.
func (c *clients) otherCounts() map[string]func() (int, error) {
	ctx := c.t.Context()
	return map[string]func() (int, error){
		"roles": func() (int, error) {
			out, err := c.iam.ListRoles(ctx, &iam.ListRolesInput{})
			return len(out.Roles), err
		},
		"instance profiles": func() (int, error) {
			out, err := c.iam.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{})
			return len(out.InstanceProfiles), err
		},
		"activations": func() (int, error) {
			out, err := c.ssm.DescribeActivations(ctx, &ssm.DescribeActivationsInput{})
			return len(out.ActivationList), err
		},
		"documents": func() (int, error) {
			out, err := c.ssm.ListDocuments(ctx, &ssm.ListDocumentsInput{
				Filters: []ssmtypes.DocumentKeyValuesFilter{{Key: aws.String("Owner"), Values: []string{"Self"}}},
			})
			return len(out.DocumentIdentifiers), err
		},
		"parameters": func() (int, error) {
			out, err := c.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{})
			return len(out.Parameters), err
		},
		"policies": func() (int, error) {
			out, err := c.iam.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal})
			return len(out.Policies), err
		},
		"users": func() (int, error) {
			out, err := c.iam.ListUsers(ctx, &iam.ListUsersInput{})
			return len(out.Users), err
		},
	}
}
