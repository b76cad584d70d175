package instances

import (
	"slices"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
)

// Operations returns the rows of the table. Takes names the members of a request that are made use of; the pipeline
// refuses others by name.
func Operations(c Config) []api.Operation {
	s := newService(c)
	return slices.Concat(
		s.launchOperations(),
		s.instanceOperations(),
		s.typeOperations(),
		s.profileOperations(),
		s.attachmentOperations(),
		s.imageOperations(),
		s.keyPairOperations(),
		s.classicLinkOperations(),
		s.tagOperations(),
	)
}

func (s *service) launchOperations() []api.Operation {
	return []api.Operation{
		api.Op("RunInstances",
			api.About("instance/*", "network-interface/*", "key-pair/{KeyName?}").
				And(api.Lookup(s.launchedFrom, "image", "subnet?", "security-group?", "network-interface?")),
			s.runInstances,
			api.Keys(s.launchKeys, launchKeyNames...),
			api.Takes(
				"MinCount", "MaxCount", "ImageId", "InstanceType", "SubnetId", "SecurityGroupIds", "SecurityGroups",
				"PrivateIpAddress", "NetworkInterfaces", "IamInstanceProfile", "UserData", "MetadataOptions", "KeyName",
				"EbsOptimized", "Monitoring", "Placement", "CreditSpecification", "HibernationOptions",
				"BlockDeviceMappings", "EnclaveOptions", "MaintenanceOptions", "DisableApiTermination", "DisableApiStop",
				"InstanceInitiatedShutdownBehavior", "ClientToken", "TagSpecifications",
			)),
		api.Op("StartInstances",
			api.About("instance/{InstanceIds}"),
			s.startInstances,
			api.Takes("InstanceIds")),
		api.Op("StopInstances",
			api.About("instance/{InstanceIds}"),
			s.stopInstances,
			api.Takes("InstanceIds", "Force", "SkipOsShutdown", "Hibernate")),
		api.Op("RebootInstances",
			api.About("instance/{InstanceIds}"),
			s.rebootInstances,
			api.Takes("InstanceIds")),
		api.Op("TerminateInstances",
			api.About("instance/{InstanceIds}"),
			s.terminateInstances,
			api.Takes("InstanceIds")),
	}
}

func (s *service) instanceOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeInstances",
			api.Everything,
			s.describeInstances,
			api.Takes("InstanceIds", "Filters", "MaxResults", "NextToken"),
			api.Unread("no resource is managed by a service of AWS", "IncludeManagedResources")),
		api.Op("GetConsoleOutput",
			api.About("instance/{InstanceId}"),
			s.getConsoleOutput,
			api.Takes("InstanceId"),
			api.Unread("the output is always the latest", "Latest")),
		api.Op("DescribeInstanceStatus",
			api.Everything,
			s.describeInstanceStatus,
			api.Takes(
				"InstanceIds", "IncludeAllInstances", "Filters", "MaxResults", "NextToken",
			),
			api.Unread("no resource is managed by a service of AWS", "IncludeManagedResources")),
		api.Op("DescribeInstanceCreditSpecifications",
			api.Everything,
			s.describeInstanceCredits,
			api.Takes("InstanceIds", "Filters", "MaxResults", "NextToken")),
		api.Op("DescribeInstanceAttribute",
			api.About("instance/{InstanceId}"),
			s.describeInstanceAttribute,
			api.Takes("InstanceId", "Attribute")),
		api.Op("ModifyInstanceAttribute",
			api.About("instance/{InstanceId}", "security-group/{Groups?}"),
			s.modifyInstanceAttribute,
			api.Takes(
				"InstanceId", "Attribute", "Value", "InstanceType", "UserData", "Groups", "SourceDestCheck",
				"DisableApiTermination", "DisableApiStop", "InstanceInitiatedShutdownBehavior",
			),
			api.Beside(
				"the groups are the instance's, for AWS; nothing of those that it leaves is changed",
				"network-interface", "security-group",
			)),
		api.Op("ModifyInstanceMetadataOptions",
			api.About("instance/{InstanceId}"),
			s.modifyInstanceMetadataOptions,
			api.Takes(
				"InstanceId", "HttpEndpoint", "HttpTokens", "HttpPutResponseHopLimit", "HttpProtocolIpv6",
				"InstanceMetadataTags",
			)),
	}
}

func (s *service) typeOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeInstanceTypes",
			api.Everything,
			s.describeInstanceTypes,
			api.Takes("InstanceTypes", "IncludeUnsupportedInRegion", "Filters", "MaxResults", "NextToken")),
		api.Op("DescribeInstanceTypeOfferings",
			api.Everything,
			s.describeInstanceTypeOfferings,
			api.Takes("LocationType", "Filters", "MaxResults", "NextToken")),
	}
}

func (s *service) profileOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeIamInstanceProfileAssociations",
			api.Everything,
			s.describeProfileAssociations,
			api.Takes("AssociationIds", "Filters", "MaxResults", "NextToken")),
		api.Op("AssociateIamInstanceProfile",
			api.About("instance/{InstanceId}"),
			s.associateProfile,
			api.Keys(s.associatedProfileKeys, newProfile),
			api.Takes("InstanceId", "IamInstanceProfile")),
		api.Op("ReplaceIamInstanceProfileAssociation",
			api.Lookup(replacedProfile, "instance"),
			s.replaceProfile,
			api.Keys(s.replacedProfileKeys, newProfile),
			api.Takes("AssociationId", "IamInstanceProfile")),
		api.Op("DisassociateIamInstanceProfile",
			api.Lookup(disassociatedProfile, "instance"),
			s.disassociateProfile,
			api.Takes("AssociationId")),
	}
}

func (s *service) attachmentOperations() []api.Operation {
	return []api.Operation{
		api.Op("AttachNetworkInterface",
			api.About("network-interface/{NetworkInterfaceId}", "instance/{InstanceId}"),
			s.attachNetworkInterface,
			api.Takes("NetworkInterfaceId", "InstanceId", "DeviceIndex", "NetworkCardIndex")),
		api.Op("DetachNetworkInterface",
			api.Lookup(s.detachedInterface, "network-interface", "instance"),
			s.detachNetworkInterface,
			api.Takes("AttachmentId"),
			api.Unread("an interface is always taken away at once", "Force")),
		api.Op("AssignPrivateIpAddresses",
			api.About("network-interface/{NetworkInterfaceId}").
				And(api.Lookup(s.reassignedFrom, "network-interface?")),
			s.assignPrivateIpAddresses,
			api.Takes(
				"NetworkInterfaceId", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount", "AllowReassignment",
			)),
		api.Op("UnassignPrivateIpAddresses",
			api.About("network-interface/{NetworkInterfaceId}"),
			s.unassignPrivateIpAddresses,
			api.Takes("NetworkInterfaceId", "PrivateIpAddresses")),
	}
}

func (s *service) imageOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeImages",
			api.Everything,
			s.describeImages,
			api.Takes(
				"ImageIds", "Owners", "ExecutableUsers", "Filters", "MaxResults",
				"NextToken",
			),
			api.Unread("no image is deprecated or disabled", "IncludeDeprecated", "IncludeDisabled")),
		api.Op("RegisterImage",
			api.About("image/*"),
			s.registerImage,
			api.Keys(newImageKeys, "ec2:Owner"),
			api.Takes(
				"Name", "Description", "ImageLocation", "Architecture", "RootDeviceName", "VirtualizationType",
				"TagSpecifications",
			)),
		api.Op("DeregisterImage",
			api.About("image/{ImageId}"),
			s.deregisterImage,
			api.Takes("ImageId")),
		api.Op("DescribeVolumes",
			api.Everything,
			s.describeVolumes,
			api.Takes("VolumeIds", "Filters", "MaxResults", "NextToken"),
			api.Unread("no resource is managed by a service of AWS", "IncludeManagedResources")),
	}
}

func (s *service) keyPairOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateKeyPair",
			api.About("key-pair/{KeyName}"),
			s.createKeyPair,
			api.Takes("KeyName", "KeyType", "KeyFormat", "TagSpecifications")),
		api.Op("ImportKeyPair",
			api.About("key-pair/{KeyName}"),
			s.importKeyPair,
			api.Takes("KeyName", "PublicKeyMaterial", "TagSpecifications")),
		api.Op("DescribeKeyPairs",
			api.Everything,
			s.describeKeyPairs,
			api.Takes("KeyNames", "KeyPairIds", "Filters", "IncludePublicKey")),
		api.Op("DeleteKeyPair",
			api.Lookup(s.deletedKeyPair, "key-pair"),
			s.deleteKeyPair,
			api.Takes("KeyName", "KeyPairId")),
	}
}

func (s *service) classicLinkOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeVpcClassicLink",
			api.Everything,
			s.describeVpcClassicLink,
			api.Takes("Filters", "VpcIds")),
		api.Op("DescribeVpcClassicLinkDnsSupport",
			api.Everything,
			s.describeVpcClassicLinkDNS,
			api.Takes("MaxResults", "NextToken", "VpcIds")),
		api.Op("DescribeClassicLinkInstances",
			api.Everything,
			s.describeClassicLinkInstances,
			api.Takes("InstanceIds", "Filters", "MaxResults", "NextToken")),
	}
}

func (s *service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateTags",
			api.Lookup(s.taggedResources),
			s.createTags,
			api.Keys(noCreateAction, query.CreateAction),
			api.Takes("Resources", "Tags"),
			api.Beside("a rule is kept with its group", "security-group")),
		api.Op("DeleteTags",
			api.Lookup(s.untaggedResources),
			s.deleteTags,
			api.Takes("Resources", "Tags"),
			api.Beside("a rule is kept with its group", "security-group")),
		api.Op("DescribeTags",
			api.Everything,
			s.describeTags,
			api.Takes("Filters", "MaxResults", "NextToken")),
	}
}

// noCreateAction says that a request which does nothing but tag has no ec2:CreateAction: it is told where the
// permission to tag is asked beside that to make something.
func noCreateAction(*api.Call, *sdk.CreateTagsInput) map[string][]string { return nil }
