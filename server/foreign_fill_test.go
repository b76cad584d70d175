package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver"
	resolvertypes "github.com/aws/aws-sdk-go-v2/service/route53resolver/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// inMemory answers an SDK's requests without a socket.
type inMemory struct{ h http.Handler }

func (m inMemory) Do(r *http.Request) (*http.Response, error) {
	r.Host, r.RemoteAddr = r.URL.Host, "127.0.0.1:1"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	m.h.ServeHTTP(w, r)
	return w.Result(), nil
}

// mark stands in tags, descriptions and contents of what the first account has. Its users, documents and the like have
// a name in common, which anybody may take.
const (
	mark       = "marked-as-the-first-accounts"
	commonName = "name-that-anybody-may-take"
)

// everyKind holds what the first account has of each kind, by the words that stand in its member names; see idFor.
type everyKind struct {
	t   *testing.T
	ids map[string]string
	ec2 *ec2.Client
}

func sdkConfig(s *Server, key, secret string) aws.Config {
	return aws.Config{
		Region: DefaultRegion, BaseEndpoint: aws.String("https://localhost"), HTTPClient: inMemory{s.api.Handler},
		Credentials: sdkcredentials.NewStaticCredentialsProvider(key, secret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// must returns a result, or fails the test.
func (f *everyKind) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// fillAccount makes at least one resource of each kind in the server's own account.
func fillAccount(t *testing.T, s *Server) *everyKind {
	t.Helper()
	config := sdkConfig(s, s.identity.root.ID, s.identity.root.Secret)
	f := &everyKind{t: t, ids: map[string]string{}, ec2: ec2.NewFromConfig(config)}
	f.fillNetwork()
	f.fillRouting()
	f.fillEndpoints()
	f.fillIAM(iam.NewFromConfig(config))
	f.fillSSM(ssm.NewFromConfig(config))
	f.fillOthers(route53resolver.NewFromConfig(config), s3.NewFromConfig(config, func(o *s3.Options) {
		o.UsePathStyle = true
	}))
	return f
}

func (f *everyKind) fillNetwork() {
	ctx := f.t.Context()
	v, err := f.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.77.0.0/16")})
	f.must(err)
	f.ids["Vpc"] = *v.Vpc.VpcId
	f.ids["VpcCidr"] = *v.Vpc.CidrBlockAssociationSet[0].AssociationId
	_, err = f.ec2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{
		VpcId: v.Vpc.VpcId, EnableDnsHostnames: &ec2types.AttributeBooleanValue{Value: aws.Bool(true)},
	})
	f.must(err)
	subnet, err := f.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
		VpcId: v.Vpc.VpcId, CidrBlock: aws.String("10.77.1.0/24"),
	})
	f.must(err)
	f.ids["Subnet"] = *subnet.Subnet.SubnetId
	group, err := f.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		VpcId: v.Vpc.VpcId, GroupName: aws.String(commonName), Description: aws.String(mark),
	})
	f.must(err)
	f.ids["SecurityGroup"] = *group.GroupId
	rule, err := f.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: group.GroupId, IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
		CidrIp: aws.String("10.77.0.0/16"),
	})
	f.must(err)
	f.ids["SecurityGroupRule"] = *rule.SecurityGroupRules[0].SecurityGroupRuleId
	nic, err := f.ec2.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{
		SubnetId: subnet.Subnet.SubnetId, Description: aws.String(mark), Groups: []string{*group.GroupId},
	})
	f.must(err)
	f.ids["NetworkInterface"] = *nic.NetworkInterface.NetworkInterfaceId
	address, err := f.ec2.AllocateAddress(ctx, nil)
	f.must(err)
	f.ids["Allocation"] = *address.AllocationId
	bound, err := f.ec2.AssociateAddress(ctx, &ec2.AssociateAddressInput{
		AllocationId: address.AllocationId, NetworkInterfaceId: nic.NetworkInterface.NetworkInterfaceId,
	})
	if err == nil { // the VPC has no Internet gateway yet
		f.ids["Association"] = *bound.AssociationId
	}
	list, err := f.ec2.CreateManagedPrefixList(ctx, &ec2.CreateManagedPrefixListInput{
		PrefixListName: aws.String(mark), AddressFamily: aws.String("IPv4"), MaxEntries: aws.Int32(5),
		Entries: []ec2types.AddPrefixListEntry{{Cidr: aws.String("10.77.9.0/24"), Description: aws.String(mark)}},
	})
	f.must(err)
	f.ids["PrefixList"] = *list.PrefixList.PrefixListId
}

func (f *everyKind) fillRouting() {
	ctx, vpc := f.t.Context(), aws.String(f.ids["Vpc"])
	table, err := f.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: vpc})
	f.must(err)
	f.ids["RouteTable"] = *table.RouteTable.RouteTableId
	bound, err := f.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{
		RouteTableId: table.RouteTable.RouteTableId, SubnetId: aws.String(f.ids["Subnet"]),
	})
	f.must(err)
	f.ids["RouteTableAssociation"] = *bound.AssociationId
	gateway, err := f.ec2.CreateInternetGateway(ctx, nil)
	f.must(err)
	f.ids["InternetGateway"] = *gateway.InternetGateway.InternetGatewayId
	acl, err := f.ec2.CreateNetworkAcl(ctx, &ec2.CreateNetworkAclInput{VpcId: vpc})
	f.must(err)
	f.ids["NetworkAcl"] = *acl.NetworkAcl.NetworkAclId
	all, err := f.ec2.DescribeNetworkAcls(ctx, nil)
	f.must(err)
	for _, one := range all.NetworkAcls {
		if len(one.Associations) > 0 {
			f.ids["NetworkAclAssociation"] = *one.Associations[0].NetworkAclAssociationId
		}
	}
	options, err := f.ec2.CreateDhcpOptions(ctx, &ec2.CreateDhcpOptionsInput{DhcpConfigurations: []ec2types.
		NewDhcpConfiguration{{Key: aws.String("domain-name"), Values: []string{mark + ".example"}}}})
	f.must(err)
	f.ids["DhcpOptions"] = *options.DhcpOptions.DhcpOptionsId
	peer, err := f.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.78.0.0/16")})
	f.must(err)
	peering, err := f.ec2.CreateVpcPeeringConnection(ctx, &ec2.CreateVpcPeeringConnectionInput{
		VpcId: vpc, PeerVpcId: peer.Vpc.VpcId,
	})
	f.must(err)
	f.ids["VpcPeeringConnection"] = *peering.VpcPeeringConnection.VpcPeeringConnectionId
	nat, err := f.ec2.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{
		SubnetId: aws.String(f.ids["Subnet"]), ConnectivityType: ec2types.ConnectivityTypePrivate,
	})
	f.must(err)
	f.ids["NatGateway"] = *nat.NatGateway.NatGatewayId
	for _, id := range f.ids {
		_, _ = f.ec2.CreateTags(ctx, &ec2.CreateTagsInput{ // associations have no tags
			Resources: []string{id}, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String(mark)}},
		})
	}
}

func (f *everyKind) fillEndpoints() {
	ctx, vpc := f.t.Context(), aws.String(f.ids["Vpc"])
	endpoint, err := f.ec2.CreateVpcEndpoint(ctx, &ec2.CreateVpcEndpointInput{
		VpcId: vpc, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"), VpcEndpointType: "Interface",
		SubnetIds: []string{f.ids["Subnet"]}, SecurityGroupIds: []string{f.ids["SecurityGroup"]},
	})
	f.must(err)
	f.ids["VpcEndpoint"] = *endpoint.VpcEndpoint.VpcEndpointId
	service, err := f.ec2.CreateVpcEndpointServiceConfiguration(ctx, &ec2.CreateVpcEndpointServiceConfigurationInput{
		NetworkLoadBalancerArns: []string{
			"arn:aws:postern:us-east-1:" + firstAccount + ":target/443/network-interface/" +
				f.ids["NetworkInterface"] + "/443",
		},
	})
	f.must(err)
	f.ids["Service"] = *service.ServiceConfiguration.ServiceId
}

const (
	mayAll   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	trustOwn = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"AWS":"123456789012"}}}`
	trustSSM = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",` +
		`"Principal":{"Service":"ssm.amazonaws.com"}}}`
)

func (f *everyKind) fillIAM(c *iam.Client) {
	ctx, name, marked := f.t.Context(), aws.String(commonName), aws.String(mark)
	tags := []iamtypes.Tag{{Key: aws.String("Name"), Value: marked}}
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Tags: tags})
	f.must(err)
	_, err = c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
		UserName: name, PolicyName: name, PolicyDocument: aws.String(mayAll),
	})
	f.must(err)
	key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	f.must(err)
	f.ids["AccessKey"] = *key.AccessKey.AccessKeyId
	_, err = c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name})
	f.must(err)
	_, err = c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: name, AssumeRolePolicyDocument: aws.String(trustOwn), Tags: tags,
	})
	f.must(err)
	_, err = c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("Nodes"), AssumeRolePolicyDocument: aws.String(trustSSM), Description: marked,
	})
	f.must(err)
	_, err = c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Tags: tags})
	f.must(err)
	policy, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: name, PolicyDocument: aws.String(mayAll), Tags: tags,
	})
	f.must(err)
	f.ids["Policy"] = *policy.Policy.Arn
	_, err = c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{
		AWSServiceName: aws.String("ssm.amazonaws.com"),
	})
	f.must(err)
	_, err = c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: marked})
	f.must(err)
}

func (f *everyKind) fillSSM(c *ssm.Client) {
	ctx, name, marked := f.t.Context(), aws.String(commonName), aws.String(mark)
	_, err := c.CreateDocument(ctx, &ssm.CreateDocumentInput{
		Name: name, DocumentType: ssmtypes.DocumentTypeCommand, Content: aws.String(
			`{"schemaVersion":"2.2","description":"` + mark + `","mainSteps":[{"action":"aws:runShellScript","name":"s",` +
				`"inputs":{"runCommand":["true"]}}]}`),
	})
	f.must(err)
	_, err = c.PutParameter(ctx, &ssm.PutParameterInput{
		Name: name, Value: marked, Type: ssmtypes.ParameterTypeString, Description: marked,
	})
	f.must(err)
	activation, err := c.CreateActivation(ctx, &ssm.CreateActivationInput{
		IamRole: aws.String("Nodes"), Description: marked,
	})
	f.must(err)
	f.ids["Activation"] = *activation.ActivationId
}

func (f *everyKind) fillOthers(resolver *route53resolver.Client, buckets *s3.Client) {
	ctx, name, marked := f.t.Context(), aws.String(commonName), aws.String(mark)
	rule, err := resolver.CreateResolverRule(ctx, &route53resolver.CreateResolverRuleInput{
		CreatorRequestId: name, Name: marked, RuleType: resolvertypes.RuleTypeOptionSystem,
		DomainName: aws.String("first.example"),
	})
	f.must(err)
	f.ids["ResolverRule"] = *rule.ResolverRule.Id
	_, err = buckets.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: marked})
	f.must(err)
	f.ids["Bucket"] = mark
}
