package instances

import (
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// launchKeyNames are the condition keys of the instances, interfaces and volumes that a launch makes.
var launchKeyNames = []string{
	"ec2:AssociatePublicIpAddress", "ec2:AvailabilityZone", "ec2:AvailabilityZoneId", "ec2:EbsOptimized", "ec2:Encrypted",
	"ec2:InstanceAutoRecovery", "ec2:InstanceMarketType", "ec2:InstanceMetadataTags",
	"ec2:InstanceProfile", "ec2:InstanceType", "ec2:MetadataHttpEndpoint", "ec2:MetadataHttpPutResponseHopLimit",
	"ec2:MetadataHttpTokens", "ec2:RootDeviceType", "ec2:Subnet", "ec2:Tenancy", "ec2:Vpc",
	"ec2:VolumeIops", "ec2:VolumeSize", "ec2:VolumeThroughput", "ec2:VolumeType",
}

// launchKeys are the condition keys of what a launch makes. What a request does not say is what an instance then has;
// what is wrong with it is said when it is done.
func (s *service) launchKeys(c *api.Call, in *sdk.RunInstancesInput) map[string][]string {
	asked := compute.Instance{Scope: query.ScopeOf(c), Image: aws.ToString(in.ImageId)}
	asked.Type = s.compute.LaunchType(asked.Scope, asked.Image, string(in.InstanceType))
	asked.Metadata, _ = metadataOf(c, defaultMetadata, in.MetadataOptions)
	asked.Volume, _ = s.rootVolume(c, asked.Image, in.BlockDeviceMappings)
	if p := in.IamInstanceProfile; p != nil {
		asked.Profile, _, _ = s.instances.FindProfile(c.Account, aws.ToString(p.Name), aws.ToString(p.Arn))
	}
	keys := map[string][]string{}
	subnets, public := s.newInterfaces(c, in)
	if len(subnets) > 0 {
		asked.Zone = subnets[0].Zone // an instance's interfaces are in one zone
	}
	for _, values := range []query.KeyValues[compute.Instance]{instanceValues, s.volumeValues()} {
		for name, value := range values {
			if v := value(api.Resource{}, asked); v != "" {
				keys[name] = []string{v}
			}
		}
	}
	resource := api.Resource{Account: c.Account, Region: c.Region}
	for _, n := range subnets {
		keys["ec2:Subnet"] = append(keys["ec2:Subnet"], query.Beside(resource, "subnet", n.ID))
		keys["ec2:Vpc"] = append(keys["ec2:Vpc"], query.Beside(resource, "vpc", n.VPC))
	}
	keys["ec2:AssociatePublicIpAddress"] = public
	for _, name := range []string{"ec2:Subnet", "ec2:Vpc", "ec2:AssociatePublicIpAddress"} {
		if all := slices.Compact(keys[name]); len(all) > 1 {
			keys[name] = api.Undecided
		} else {
			keys[name] = all
		}
	}
	return keys
}

// newInterfaces are the subnets of the interfaces that a launch makes, and what it says of their public addresses.
func (s *service) newInterfaces(c *api.Call, in *sdk.RunInstancesInput) (subnets []*network.Subnet, public []string) {
	v := s.view(c)
	add := func(named *string) {
		if n, err := v.Subnet(v.Scope, launchSubnet(v, in, named)); err == nil {
			subnets = append(subnets, n)
		}
	}
	if len(in.NetworkInterfaces) == 0 {
		add(in.SubnetId)
	}
	for i := range in.NetworkInterfaces {
		x := &in.NetworkInterfaces[i]
		if x.NetworkInterfaceId != nil {
			continue
		}
		add(x.SubnetId)
		if x.AssociatePublicIpAddress != nil {
			public = append(public, strconv.FormatBool(*x.AssociatePublicIpAddress))
		}
	}
	return subnets, public
}

// newProfile is the condition key of the instance profile that an instance gets.
const newProfile = "ec2:NewInstanceProfile"

func (s *service) associatedProfileKeys(
	c *api.Call, in *sdk.AssociateIamInstanceProfileInput,
) map[string][]string {
	return s.profileKeys(c, in.IamInstanceProfile)
}

func (s *service) replacedProfileKeys(
	c *api.Call, in *sdk.ReplaceIamInstanceProfileAssociationInput,
) map[string][]string {
	return s.profileKeys(c, in.IamInstanceProfile)
}

func (s *service) profileKeys(c *api.Call, spec *types.IamInstanceProfileSpecification) map[string][]string {
	if spec == nil {
		return nil
	}
	p, _, err := s.instances.FindProfile(c.Account, aws.ToString(spec.Name), aws.ToString(spec.Arn))
	if err != nil {
		return nil // the operation says so
	}
	return map[string][]string{newProfile: {p.ARN}}
}

// newImageKeys are the condition keys of an image that is registered: it is its maker's.
func newImageKeys(c *api.Call, _ *sdk.RegisterImageInput) map[string][]string {
	return map[string][]string{"ec2:Owner": {c.Account}}
}
