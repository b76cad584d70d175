package ssm

import (
	"slices"

	"postern/api"
)

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return slices.Concat(
		s.commandOperations(),
		s.nodeOperations(),
		s.activationOperations(),
		s.tagOperations(),
		s.settingOperations(),
		s.documentOperations(),
		s.parameterOperations(),
		s.agentOperations(),
	)
}

func (s *service) commandOperations() []api.Operation {
	return []api.Operation{
		api.Op("SendCommand",
			api.About("document/{DocumentName}", "managed-instance/{InstanceIds?}"),
			s.sendCommand,
			api.Takes(
				"DocumentName", "CloudWatchOutputConfig", "Comment", "DocumentHash", "DocumentHashType", "DocumentVersion",
				"InstanceIds", "MaxConcurrency", "MaxErrors", "OutputS3BucketName", "OutputS3KeyPrefix", "OutputS3Region",
				"Parameters", "Targets", "TimeoutSeconds",
			)),
		api.Op("CancelCommand",
			api.Everything,
			s.cancelCommand,
			api.Takes("CommandId", "InstanceIds")),
		api.Op("ListCommands",
			api.Everything,
			s.listCommands,
			api.Takes("CommandId", "Filters", "InstanceId", "MaxResults", "NextToken")),
		api.Op("ListCommandInvocations",
			api.Everything,
			s.listCommandInvocations,
			api.Takes("CommandId", "Details", "Filters", "InstanceId", "MaxResults", "NextToken")),
		api.Op("GetCommandInvocation",
			api.Everything,
			s.getCommandInvocation,
			api.Takes("CommandId", "InstanceId", "PluginName")),
	}
}

func (s *service) nodeOperations() []api.Operation {
	return []api.Operation{
		api.Op("DescribeInstanceInformation",
			api.Everything,
			s.describeInstanceInformation,
			api.Takes("Filters", "InstanceInformationFilterList", "MaxResults", "NextToken")),
		api.Op("DeregisterManagedInstance",
			api.About("managed-instance/{InstanceId}"),
			s.deregisterManagedInstance,
			api.Takes("InstanceId")),
		api.Op("UpdateManagedInstanceRole",
			api.About("managed-instance/{InstanceId}"),
			s.updateManagedInstanceRole,
			api.Takes("IamRole", "InstanceId")),
		api.Op("GetConnectionStatus",
			api.About("managed-instance/{Target}"),
			s.getConnectionStatus,
			api.Takes("Target")),
	}
}

func (s *service) activationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateActivation",
			api.Everything,
			s.createActivation,
			api.Takes("IamRole", "DefaultInstanceName", "Description", "ExpirationDate", "RegistrationLimit", "Tags")),
		api.Op("DescribeActivations",
			api.Everything,
			s.describeActivations,
			api.Takes("Filters", "MaxResults", "NextToken")),
		api.Op("DeleteActivation",
			api.Everything,
			s.deleteActivation,
			api.Takes("ActivationId")),
	}
}

func (s *service) tagOperations() []api.Operation {
	return []api.Operation{
		api.Op("AddTagsToResource",
			api.Lookup(addedTo, taggableTypes()...),
			s.addTagsToResource,
			api.Takes("ResourceId", "ResourceType", "Tags")),
		api.Op("RemoveTagsFromResource",
			api.Lookup(removedFrom, taggableTypes()...),
			s.removeTagsFromResource,
			api.Takes("ResourceId", "ResourceType", "TagKeys")),
		api.Op("ListTagsForResource",
			api.Lookup(listedFor, taggableTypes()...),
			s.listTagsForResource,
			api.Takes("ResourceId", "ResourceType")),
	}
}

func (s *service) settingOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetServiceSetting",
			api.About("servicesetting/{SettingId}"),
			s.getServiceSetting,
			api.Takes("SettingId")),
		api.Op("UpdateServiceSetting",
			api.About("servicesetting/{SettingId}"),
			s.updateServiceSetting,
			api.Takes("SettingId", "SettingValue")),
		api.Op("ResetServiceSetting",
			api.About("servicesetting/{SettingId}"),
			s.resetServiceSetting,
			api.Takes("SettingId")),
	}
}

func (s *service) documentOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateDocument",
			api.About("document/{Name}"),
			s.createDocument,
			api.Keys(newDocumentKeys, "ssm:DocumentType"),
			api.Takes("Content", "Name", "DisplayName", "DocumentFormat", "DocumentType", "Tags", "TargetType", "VersionName")),
		api.Op("UpdateDocument",
			api.About("document/{Name}"),
			s.updateDocument,
			api.Takes("Content", "Name", "DisplayName", "DocumentFormat", "DocumentVersion", "TargetType", "VersionName")),
		api.Op("UpdateDocumentDefaultVersion",
			api.About("document/{Name}"),
			s.updateDocumentDefaultVersion,
			api.Takes("DocumentVersion", "Name")),
		api.Op("DeleteDocument",
			api.About("document/{Name}"),
			s.deleteDocument,
			api.Takes("Name", "DocumentVersion", "VersionName"),
			api.Unread("AWS asks for it with types of documents that are not built", "Force")),
		api.Op("GetDocument",
			api.About("document/{Name}"),
			s.getDocument,
			api.Takes("Name", "DocumentFormat", "DocumentVersion", "VersionName")),
		api.Op("DescribeDocument",
			api.About("document/{Name}"),
			s.describeDocument,
			api.Takes("Name", "DocumentVersion", "VersionName")),
		api.Op("ListDocuments",
			api.Everything,
			s.listDocuments,
			api.Takes("DocumentFilterList", "Filters", "MaxResults", "NextToken")),
		api.Op("ListDocumentVersions",
			api.About("document/{Name}"),
			s.listDocumentVersions,
			api.Takes("Name", "MaxResults", "NextToken")),
		api.Op("DescribeDocumentPermission",
			api.About("document/{Name}"),
			s.describeDocumentPermission,
			api.Takes("Name", "MaxResults", "NextToken"),
			api.Unread("Share is the only one", "PermissionType")),
		api.Op("ModifyDocumentPermission",
			api.About("document/{Name}"),
			s.modifyDocumentPermission,
			api.Takes("Name", "AccountIdsToAdd", "AccountIdsToRemove"),
			api.Unread("Share is the only one", "PermissionType")),
	}
}

func (s *service) parameterOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutParameter",
			api.About("parameter/{Name}"),
			s.putParameter,
			api.Keys(putParameterKeys, "ssm:Overwrite"),
			api.Takes(
				"Name", "Value", "AllowedPattern", "DataType", "Description", "KeyId", "Overwrite", "Tags", "Tier", "Type",
			)),
		api.Op("GetParameter",
			api.About("parameter/{Name}"),
			s.getParameter,
			api.Takes("Name"),
			api.Unread("nothing is encrypted: SecureString is not built", "WithDecryption")),
		api.Op("GetParameters",
			api.About("parameter/{Names}"),
			s.getParameters,
			api.Takes("Names"),
			api.Unread("nothing is encrypted: SecureString is not built", "WithDecryption")),
		api.Op("GetParametersByPath",
			api.Lookup(byPath, "parameter"),
			s.getParametersByPath,
			api.Keys(byPathKeys, "ssm:Recursive"),
			api.Takes("Path", "MaxResults", "NextToken", "ParameterFilters", "Recursive"),
			api.Unread("nothing is encrypted: SecureString is not built", "WithDecryption")),
		api.Op("DescribeParameters",
			api.Everything,
			s.describeParameters,
			api.Takes("Filters", "MaxResults", "NextToken", "ParameterFilters", "Shared")),
		api.Op("GetParameterHistory",
			api.About("parameter/{Name}"),
			s.getParameterHistory,
			api.Takes("Name", "MaxResults", "NextToken"),
			api.Unread("nothing is encrypted: SecureString is not built", "WithDecryption")),
		api.Op("LabelParameterVersion",
			api.About("parameter/{Name}"),
			s.labelParameterVersion,
			api.Takes("Labels", "Name", "ParameterVersion")),
		api.Op("UnlabelParameterVersion",
			api.About("parameter/{Name}"),
			s.unlabelParameterVersion,
			api.Takes("Labels", "Name", "ParameterVersion")),
		api.Op("DeleteParameter",
			api.About("parameter/{Name}"),
			s.deleteParameter,
			api.Takes("Name")),
		api.Op("DeleteParameters",
			api.About("parameter/{Names}"),
			s.deleteParameters,
			api.Takes("Names")),
	}
}

// agentOperations returns the operations that agents call, but for GetDocument and DescribeDocument.
func (s *service) agentOperations() []api.Operation {
	return []api.Operation{
		api.Op("UpdateInstanceInformation",
			api.About("managed-instance/{InstanceId}"),
			s.updateInstanceInformation,
			api.Takes(
				"InstanceId", "AgentName", "AgentStatus", "AgentVersion", "AvailabilityZone", "AvailabilityZoneId",
				"ComputerName", "IPAddress", "PlatformName", "PlatformType", "PlatformVersion", "SSMConnectionChannel",
			)),
		api.Op("RegisterManagedInstance",
			api.Everything,
			s.registerManagedInstance,
			api.With(api.Unsigned),
			api.Keys(s.registrationKeys, nodeAccountID, nodeOrgID),
			api.Takes("ActivationCode", "ActivationId", "Fingerprint", "IamRole", "PublicKey", "PublicKeyType", "Tags")),
		api.Op("RequestManagedInstanceRoleToken",
			api.Lookup(itsNode[requestManagedInstanceRoleTokenInput], "instance?", "managed-instance?"),
			s.requestManagedInstanceRoleToken,
			api.With(api.Node),
			api.Keys(itsNodeKeys[requestManagedInstanceRoleTokenInput], nodeAccountID, nodeOrgID),
			api.Takes("Fingerprint")),
		api.Op("UpdateManagedInstancePublicKey",
			api.Lookup(itsNode[updateManagedInstancePublicKeyInput], "instance?", "managed-instance?"),
			s.updateManagedInstancePublicKey,
			api.With(api.Node),
			api.Keys(itsNodeKeys[updateManagedInstancePublicKeyInput], nodeAccountID, nodeOrgID),
			api.Takes("NewPublicKey", "NewPublicKeyType")),
		api.Op("ListInstanceAssociations",
			api.About("managed-instance/{InstanceId}"),
			s.listInstanceAssociations,
			api.Takes("InstanceId", "MaxResults", "NextToken")),
		api.Op("ListAssociations",
			api.Everything,
			s.listAssociations,
			api.Takes("MaxResults", "NextToken"),
			api.Unread("there are no associations to leave out", "AssociationFilterList")),
		api.Op("DescribeAssociation",
			api.About("association/{AssociationId?}", "document/{Name?}", "managed-instance/{InstanceId?}"),
			s.describeAssociation,
			api.Unread("there are no associations, whatever names one",
				"AssociationId", "AssociationVersion", "InstanceId", "Name")),
	}
}
