package instances

import (
	"slices"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
)

// Operations are the rows of the table. Takes names the members of a request that are made use of; the pipeline refuses
// others by name.
func Operations(c Config) []api.Operation {
	s := &service{network: c.Network, compute: c.Compute, profiles: c.Profiles, mayImport: c.MayImport}
	return slices.Concat(
		s.instanceOperations(), s.profileOperations(), s.attachmentOperations(), s.imageOperations(), s.keyPairOperations(),
		s.classicLinkOperations(), s.tagOperations(),
	)
}

func (s *service) instanceOperations() []api.Operation {
	return []api.Operation{
		api.Op("RunInstances", query.Found(s.view, aboutLaunch), s.runInstances, api.Takes("MinCount", "MaxCount", "ImageId", "InstanceType", "SubnetId", "SecurityGroupIds",
			"SecurityGroups", "PrivateIpAddress", "NetworkInterfaces", "IamInstanceProfile", "UserData", "MetadataOptions", "KeyName", "EbsOptimized",
			"Monitoring", "Placement", "CreditSpecification", "HibernationOptions", "BlockDeviceMappings",
			"EnclaveOptions", "MaintenanceOptions", "DisableApiTermination", "DisableApiStop", "InstanceInitiatedShutdownBehavior", "ClientToken", "TagSpecifications")),
		api.Op("DescribeInstances", api.Everything, s.describeInstances, query.Pages, api.Takes("InstanceIds", "IncludeManagedResources")),
		api.Op("StartInstances", query.Each("instance", func(in *sdk.StartInstancesInput) []string { return in.InstanceIds }), s.startInstances, api.Takes("InstanceIds")),
		api.Op("StopInstances", query.Each("instance", func(in *sdk.StopInstancesInput) []string { return in.InstanceIds }), s.stopInstances,
			api.Takes("InstanceIds", "Force", "SkipOsShutdown", "Hibernate")),
		api.Op("RebootInstances", query.Each("instance", func(in *sdk.RebootInstancesInput) []string { return in.InstanceIds }), s.rebootInstances, api.Takes("InstanceIds")),
		api.Op("TerminateInstances", query.Each("instance", func(in *sdk.TerminateInstancesInput) []string { return in.InstanceIds }), s.terminateInstances,
			api.Takes("InstanceIds")),
		api.Op("GetConsoleOutput", query.One("instance", func(in *sdk.GetConsoleOutputInput) *string { return in.InstanceId }), s.getConsoleOutput,
			api.Takes("InstanceId", "Latest")),
		api.Op("DescribeInstanceStatus", api.Everything, s.describeInstanceStatus, query.Pages, api.Takes("InstanceIds", "IncludeAllInstances", "IncludeManagedResources")),
		api.Op("DescribeInstanceTypes", api.Everything, s.describeInstanceTypes, query.Pages, api.Takes("InstanceTypes", "IncludeUnsupportedInRegion")),
		api.Op("DescribeInstanceTypeOfferings", api.Everything, s.describeInstanceTypeOfferings, query.Pages, api.Takes("LocationType")),
		api.Op("DescribeInstanceCreditSpecifications", api.Everything, s.describeInstanceCredits, query.Pages, api.Takes("InstanceIds")),
		api.Op("DescribeInstanceAttribute", query.One("instance", func(in *sdk.DescribeInstanceAttributeInput) *string { return in.InstanceId }), s.describeInstanceAttribute,
			api.Takes("InstanceId", "Attribute")),
		api.Op("ModifyInstanceAttribute", query.Found(s.view, aboutInstanceChange), s.modifyInstanceAttribute,
			api.Takes("InstanceId", "Attribute", "Value", "InstanceType", "UserData", "Groups", "SourceDestCheck", "DisableApiTermination", "DisableApiStop",
				"InstanceInitiatedShutdownBehavior"),
			api.Beside("the groups are the instance's, for AWS; nothing of those that it leaves is changed", "network-interface", "security-group")),
		api.Op("ModifyInstanceMetadataOptions", query.One("instance", func(in *sdk.ModifyInstanceMetadataOptionsInput) *string { return in.InstanceId }),
			s.modifyInstanceMetadataOptions, api.Takes("InstanceId", "HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "HttpProtocolIpv6", "InstanceMetadataTags")),
	}
}

func (s *service) profileOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeIamInstanceProfileAssociations", api.Everything, s.describeProfileAssociations, query.Pages, api.Takes("AssociationIds")),
		api.Op("AssociateIamInstanceProfile", query.One("instance", func(in *sdk.AssociateIamInstanceProfileInput) *string { return in.InstanceId }), s.associateProfile,
			api.Takes("InstanceId", "IamInstanceProfile")),
		api.Op("ReplaceIamInstanceProfileAssociation", query.On(func(in *sdk.ReplaceIamInstanceProfileAssociationInput) []string {
			return []string{instanceOfAssociation(in.AssociationId)}
		}), s.replaceProfile, api.Takes("AssociationId", "IamInstanceProfile")),
		api.Op("DisassociateIamInstanceProfile", query.On(func(in *sdk.DisassociateIamInstanceProfileInput) []string {
			return []string{instanceOfAssociation(in.AssociationId)}
		}), s.disassociateProfile, api.Takes("AssociationId")),
	}
}

func (s *service) imageOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeImages", api.Everything, s.describeImages, query.Pages,
			api.Takes("ImageIds", "Owners", "ExecutableUsers", "IncludeDeprecated", "IncludeDisabled")),
		api.Op("RegisterImage", api.About("image/*"), s.registerImage, api.Takes("Name", "Description", "ImageLocation",
			"Architecture", "RootDeviceName", "VirtualizationType", "TagSpecifications")),
		api.Op("DeregisterImage", api.About("image/{ImageId}"), s.deregisterImage, api.Takes("ImageId")),
		api.Op("DescribeVolumes", api.Everything, s.describeVolumes, query.Pages, api.Takes("VolumeIds", "IncludeManagedResources")),
	}
}

func (s *service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateTags", tagged(s, func(in *sdk.CreateTagsInput) []string { return in.Resources }), s.createTags,
			api.Takes("Resources", "Tags"), api.Beside("a rule is kept with its group", "security-group")),
		api.Op("DeleteTags", tagged(s, func(in *sdk.DeleteTagsInput) []string { return in.Resources }), s.deleteTags,
			api.Takes("Resources", "Tags"), api.Beside("a rule is kept with its group", "security-group")),
		api.Op("DescribeTags", api.Everything, s.describeTags, query.Pages),
	}
}
