package ssm

import (
	"postern/api"
	"postern/aws/service/ssm"
)

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	all := s.commandOperations()
	all = append(all, s.nodeOperations()...)
	all = append(all, s.documentOperations()...)
	all = append(all, s.parameterOperations()...)
	return append(all, s.agentOperations()...)
}

func (s *service) commandOperations() []api.Operation {
	return []api.Operation{
		api.Op("SendCommand", api.Lookup(sendResources), s.sendCommand, api.Takes(
			"DocumentName", "CloudWatchOutputConfig", "Comment", "DocumentHash", "DocumentHashType", "DocumentVersion", "InstanceIds",
			"MaxConcurrency", "MaxErrors", "Parameters", "Targets", "TimeoutSeconds")),
		api.Op("CancelCommand", api.Everything, s.cancelCommand),
		api.Op("ListCommands", api.Everything, s.listCommands),
		api.Op("ListCommandInvocations", api.Everything, s.listCommandInvocations),
		api.Op("GetCommandInvocation", api.Everything, s.getCommandInvocation),
	}
}

func (s *service) nodeOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateActivation", api.Everything, s.createActivation, api.Takes(
			"IamRole", "DefaultInstanceName", "Description", "ExpirationDate", "RegistrationLimit", "Tags")),
		api.Op("DescribeActivations", api.Everything, s.describeActivations),
		api.Op("DeleteActivation", api.Everything, s.deleteActivation),
		api.Op("DescribeInstanceInformation", api.Everything, s.describeInstanceInformation),
		api.Op("DeregisterManagedInstance",
			aboutNode(func(in *ssm.DeregisterManagedInstanceInput) *string { return in.InstanceId }), s.deregisterManagedInstance),
		api.Op("UpdateManagedInstanceRole",
			aboutNode(func(in *ssm.UpdateManagedInstanceRoleInput) *string { return in.InstanceId }), s.updateManagedInstanceRole),
		api.Op("GetConnectionStatus", aboutNode(func(in *ssm.GetConnectionStatusInput) *string { return in.Target }), s.getConnectionStatus),
		api.Op("AddTagsToResource", api.Lookup(addTagsResources), s.addTagsToResource),
		api.Op("RemoveTagsFromResource", api.Lookup(removeTagsResources), s.removeTagsFromResource),
		api.Op("ListTagsForResource", api.Lookup(listTagsResources), s.listTagsForResource),
		api.Op("GetServiceSetting", settingResources(func(in *ssm.GetServiceSettingInput) *string { return in.SettingId }), s.getServiceSetting),
		api.Op("UpdateServiceSetting", settingResources(func(in *ssm.UpdateServiceSettingInput) *string { return in.SettingId }), s.updateServiceSetting),
		api.Op("ResetServiceSetting", settingResources(func(in *ssm.ResetServiceSettingInput) *string { return in.SettingId }), s.resetServiceSetting),
	}
}

func (s *service) documentOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateDocument", aboutDocument(func(in *ssm.CreateDocumentInput) *string { return in.Name }), s.createDocument, api.Takes(
			"Content", "Name", "DisplayName", "DocumentFormat", "DocumentType", "Tags", "TargetType", "VersionName")),
		api.Op("UpdateDocument", aboutDocument(func(in *ssm.UpdateDocumentInput) *string { return in.Name }), s.updateDocument, api.Takes(
			"Content", "Name", "DisplayName", "DocumentFormat", "DocumentVersion", "TargetType", "VersionName")),
		api.Op("UpdateDocumentDefaultVersion",
			aboutDocument(func(in *ssm.UpdateDocumentDefaultVersionInput) *string { return in.Name }), s.updateDocumentDefaultVersion),
		api.Op("DeleteDocument", aboutDocument(func(in *ssm.DeleteDocumentInput) *string { return in.Name }), s.deleteDocument),
		api.Op("GetDocument", aboutDocument(func(in *ssm.GetDocumentInput) *string { return in.Name }), s.getDocument),
		api.Op("DescribeDocument", aboutDocument(func(in *ssm.DescribeDocumentInput) *string { return in.Name }), s.describeDocument),
		api.Op("ListDocuments", api.Everything, s.listDocuments),
		api.Op("ListDocumentVersions", aboutDocument(func(in *ssm.ListDocumentVersionsInput) *string { return in.Name }), s.listDocumentVersions),
		api.Op("DescribeDocumentPermission", aboutDocument(func(in *ssm.DescribeDocumentPermissionInput) *string { return in.Name }), s.describeDocumentPermission),
		api.Op("ModifyDocumentPermission", aboutDocument(func(in *ssm.ModifyDocumentPermissionInput) *string { return in.Name }), s.modifyDocumentPermission),
	}
}

func (s *service) parameterOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutParameter", aboutParameter(func(in *ssm.PutParameterInput) *string { return in.Name }), s.putParameter, api.Keys(putParameterKeys), api.Takes(
			"Name", "Value", "Type", "Overwrite", "Description", "AllowedPattern", "DataType", "KeyId", "Tags", "Tier")),
		api.Op("GetParameter", aboutParameter(func(in *ssm.GetParameterInput) *string { return in.Name }), s.getParameter),
		api.Op("GetParameters", aboutParameters(func(in *ssm.GetParametersInput) []string { return in.Names }), s.getParameters),
		api.Op("GetParametersByPath", api.Lookup(aboutPath), s.getParametersByPath, api.Keys(byPathKeys)),
		api.Op("DescribeParameters", api.Everything, s.describeParameters),
		api.Op("GetParameterHistory", aboutParameter(func(in *ssm.GetParameterHistoryInput) *string { return in.Name }), s.getParameterHistory),
		api.Op("LabelParameterVersion", aboutParameter(func(in *ssm.LabelParameterVersionInput) *string { return in.Name }), s.labelParameterVersion),
		api.Op("UnlabelParameterVersion", aboutParameter(func(in *ssm.UnlabelParameterVersionInput) *string { return in.Name }), s.unlabelParameterVersion),
		api.Op("DeleteParameter", aboutParameter(func(in *ssm.DeleteParameterInput) *string { return in.Name }), s.deleteParameter),
		api.Op("DeleteParameters", aboutParameters(func(in *ssm.DeleteParametersInput) []string { return in.Names }), s.deleteParameters),
	}
}

// agentOperations are what agents call, but for GetDocument and DescribeDocument.
func (s *service) agentOperations() []api.Operation {
	return []api.Operation{
		api.Op("UpdateInstanceInformation", aboutNode(func(in *updateInstanceInformationInput) *string { return in.InstanceId }), s.updateInstanceInformation),
		api.Op("RegisterManagedInstance", api.Everything, s.registerManagedInstance, api.With(api.Unsigned)),
		api.Op("RequestManagedInstanceRoleToken", api.Lookup(ownARN[requestManagedInstanceRoleTokenInput]), s.requestManagedInstanceRoleToken, api.With(api.Node)),
		api.Op("UpdateManagedInstancePublicKey", api.Lookup(ownARN[updateManagedInstancePublicKeyInput]), s.updateManagedInstancePublicKey, api.With(api.Node)),
		api.Op("ListInstanceAssociations", aboutNode(func(in *listInstanceAssociationsInput) *string { return in.InstanceId }), s.listInstanceAssociations),
		api.Op("ListAssociations", api.Everything, s.listAssociations),
		api.Op("DescribeAssociation", api.Everything, s.describeAssociation),
	}
}
