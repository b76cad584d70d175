package iam

import (
	"slices"

	"postern/api"
	sdk "postern/aws/service/iam"
	"postern/services/identity"
)

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return slices.Concat(
		s.roleOperations(),
		s.roleTagOperations(),
		s.linkedRoleOperations(),
		s.rolePolicyOperations(),
		s.profileOperations(),
		s.policyOperations(),
		s.policyVersionOperations(),
		s.userOperations(),
		s.userPolicyOperations(),
		s.groupOperations(),
		s.groupPolicyOperations(),
		s.simulateOperations(),
		s.accountOperations(),
		s.credentialOperations(),
		s.signInOperations(),
	)
}

func (s *service) roleOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateRole",
			api.Lookup(newRole, "role"),
			s.createRole,
			api.Takes(
				"AssumeRolePolicyDocument", "RoleName", "Description", "MaxSessionDuration", "Path", "PermissionsBoundary",
				"Tags",
			)),
		api.Op("GetRole",
			api.About("role/{RoleName}"),
			s.getRole,
			api.Takes("RoleName")),
		api.Op("ListRoles",
			api.About("role/*"),
			s.listRoles,
			api.Takes("Marker", "MaxItems", "PathPrefix")),
		api.Op("DeleteRole",
			api.About("role/{RoleName}"),
			s.deleteRole,
			api.Takes("RoleName")),
		api.Op("UpdateRole",
			api.About("role/{RoleName}"),
			s.updateRole,
			api.Takes("RoleName", "Description", "MaxSessionDuration")),
		api.Op("UpdateRoleDescription",
			api.About("role/{RoleName}"),
			s.updateRoleDescription,
			api.Takes("Description", "RoleName")),
		api.Op("UpdateAssumeRolePolicy",
			api.About("role/{RoleName}"),
			s.updateAssumeRolePolicy,
			api.Takes("PolicyDocument", "RoleName")),
		held(s, "PutRolePermissionsBoundary", identity.OfRole,
			putBoundary[sdk.PutRolePermissionsBoundaryInput, sdk.PutRolePermissionsBoundaryOutput],
			"PermissionsBoundary"),
		held(s, "DeleteRolePermissionsBoundary", identity.OfRole,
			deleteBoundary[sdk.DeleteRolePermissionsBoundaryInput, sdk.DeleteRolePermissionsBoundaryOutput]),
	}
}

func (s *service) roleTagOperations() []api.Operation {
	return []api.Operation{
		api.Op("TagRole",
			api.About("role/{RoleName}"),
			s.tagRole,
			api.Takes("RoleName", "Tags")),
		api.Op("UntagRole",
			api.About("role/{RoleName}"),
			s.untagRole,
			api.Takes("RoleName", "TagKeys")),
		api.Op("ListRoleTags",
			api.About("role/{RoleName}"),
			s.listRoleTags,
			api.Takes("RoleName", "Marker", "MaxItems")),
	}
}

// linkedRoleOperations returns the operations on service-linked roles.
func (s *service) linkedRoleOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateServiceLinkedRole",
			api.Lookup(newLinkedRole, "role"),
			s.createServiceLinkedRole,
			api.Keys(linkedRoleKeys, "iam:AWSServiceName"),
			api.Takes("AWSServiceName", "Description")),
		api.Op("DeleteServiceLinkedRole",
			api.About("role/{RoleName}"),
			s.deleteServiceLinkedRole,
			api.Takes("RoleName")),
		api.Op("GetServiceLinkedRoleDeletionStatus",
			api.Lookup(deletedLinkedRole, "role"),
			s.getServiceLinkedRoleDeletionStatus,
			api.Takes("DeletionTaskId")),
	}
}

func (s *service) rolePolicyOperations() []api.Operation {
	return []api.Operation{
		held(s, "PutRolePolicy", identity.OfRole, putInline[sdk.PutRolePolicyInput, sdk.PutRolePolicyOutput],
			"PolicyDocument", "PolicyName"),
		held(s, "GetRolePolicy", identity.OfRole, getInline[sdk.GetRolePolicyInput, sdk.GetRolePolicyOutput],
			"PolicyName"),
		held(s, "ListRolePolicies", identity.OfRole,
			listInline[sdk.ListRolePoliciesInput, sdk.ListRolePoliciesOutput],
			"Marker", "MaxItems"),
		held(s, "DeleteRolePolicy", identity.OfRole,
			deleteInline[sdk.DeleteRolePolicyInput, sdk.DeleteRolePolicyOutput],
			"PolicyName"),
		held(s, "AttachRolePolicy", identity.OfRole, attach[sdk.AttachRolePolicyInput, sdk.AttachRolePolicyOutput],
			"PolicyArn"),
		held(s, "DetachRolePolicy", identity.OfRole, detach[sdk.DetachRolePolicyInput, sdk.DetachRolePolicyOutput],
			"PolicyArn"),
		held(s, "ListAttachedRolePolicies", identity.OfRole,
			listAttached[sdk.ListAttachedRolePoliciesInput, sdk.ListAttachedRolePoliciesOutput],
			"Marker", "MaxItems", "PathPrefix"),
	}
}

func (s *service) profileOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateInstanceProfile",
			api.Lookup(newProfile, "instance-profile"),
			s.createInstanceProfile,
			api.Takes("InstanceProfileName", "Path", "Tags")),
		api.Op("GetInstanceProfile",
			api.About("instance-profile/{InstanceProfileName}"),
			s.getInstanceProfile,
			api.Takes("InstanceProfileName")),
		api.Op("ListInstanceProfiles",
			api.About("instance-profile/*"),
			s.listInstanceProfiles,
			api.Takes("Marker", "MaxItems", "PathPrefix")),
		api.Op("ListInstanceProfilesForRole",
			api.About("role/{RoleName}"),
			s.listInstanceProfilesForRole,
			api.Takes("RoleName", "Marker", "MaxItems")),
		api.Op("DeleteInstanceProfile",
			api.About("instance-profile/{InstanceProfileName}"),
			s.deleteInstanceProfile,
			api.Takes("InstanceProfileName")),
		api.Op("AddRoleToInstanceProfile",
			api.About("instance-profile/{InstanceProfileName}"),
			s.addRoleToInstanceProfile,
			api.Takes("InstanceProfileName", "RoleName")),
		api.Op("RemoveRoleFromInstanceProfile",
			api.About("instance-profile/{InstanceProfileName}"),
			s.removeRoleFromInstanceProfile,
			api.Takes("InstanceProfileName", "RoleName")),
		api.Op("TagInstanceProfile",
			api.About("instance-profile/{InstanceProfileName}"),
			s.tagInstanceProfile,
			api.Takes("InstanceProfileName", "Tags")),
		api.Op("UntagInstanceProfile",
			api.About("instance-profile/{InstanceProfileName}"),
			s.untagInstanceProfile,
			api.Takes("InstanceProfileName", "TagKeys")),
		api.Op("ListInstanceProfileTags",
			api.About("instance-profile/{InstanceProfileName}"),
			s.listInstanceProfileTags,
			api.Takes("InstanceProfileName", "Marker", "MaxItems")),
	}
}

func (s *service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreatePolicy",
			api.Lookup(newPolicy, "policy"),
			s.createPolicy,
			api.Takes("PolicyDocument", "PolicyName", "Description", "Path", "Tags")),
		api.Op("GetPolicy",
			api.About("{PolicyArn}"),
			s.getPolicy,
			api.Takes("PolicyArn")),
		api.Op("ListPolicies",
			api.About("policy/*"),
			s.listPolicies,
			api.Takes("Marker", "MaxItems", "OnlyAttached", "PathPrefix", "PolicyUsageFilter", "Scope")),
		api.Op("DeletePolicy",
			api.About("{PolicyArn}"),
			s.deletePolicy,
			api.Takes("PolicyArn")),
	}
}

func (s *service) policyVersionOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreatePolicyVersion",
			api.About("{PolicyArn}"),
			s.createPolicyVersion,
			api.Takes("PolicyArn", "PolicyDocument", "SetAsDefault")),
		api.Op("GetPolicyVersion",
			api.About("{PolicyArn}"),
			s.getPolicyVersion,
			api.Takes("PolicyArn", "VersionId")),
		api.Op("ListPolicyVersions",
			api.About("{PolicyArn}"),
			s.listPolicyVersions,
			api.Takes("PolicyArn", "Marker", "MaxItems")),
		api.Op("DeletePolicyVersion",
			api.About("{PolicyArn}"),
			s.deletePolicyVersion,
			api.Takes("PolicyArn", "VersionId")),
		api.Op("SetDefaultPolicyVersion",
			api.About("{PolicyArn}"),
			s.setDefaultPolicyVersion,
			api.Takes("PolicyArn", "VersionId")),
		api.Op("ListEntitiesForPolicy",
			api.About("{PolicyArn}"),
			s.listEntitiesForPolicy,
			api.Takes("PolicyArn", "EntityFilter", "Marker", "MaxItems", "PathPrefix", "PolicyUsageFilter")),
		api.Op("TagPolicy",
			api.About("{PolicyArn}"),
			s.tagPolicy,
			api.Takes("PolicyArn", "Tags")),
		api.Op("UntagPolicy",
			api.About("{PolicyArn}"),
			s.untagPolicy,
			api.Takes("PolicyArn", "TagKeys")),
		api.Op("ListPolicyTags",
			api.About("{PolicyArn}"),
			s.listPolicyTags,
			api.Takes("PolicyArn", "Marker", "MaxItems")),
	}
}

func (s *service) userOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateUser",
			api.Lookup(newUser, "user"),
			s.createUser,
			api.Takes("UserName", "Path", "PermissionsBoundary", "Tags")),
		api.Op("GetUser",
			api.About("user/{UserName}"),
			s.getUser,
			api.Takes("UserName")),
		api.Op("ListUsers",
			api.About("user/*"),
			s.listUsers,
			api.Takes("Marker", "MaxItems", "PathPrefix")),
		api.Op("UpdateUser",
			api.About("user/{UserName}").And(api.Lookup(s.changedUser, "user")),
			s.updateUser,
			api.Takes("UserName", "NewPath", "NewUserName")),
		api.Op("DeleteUser",
			api.About("user/{UserName}"),
			s.deleteUser,
			api.Takes("UserName")),
		api.Op("TagUser",
			api.About("user/{UserName}"),
			s.tagUser,
			api.Takes("Tags", "UserName")),
		api.Op("UntagUser",
			api.About("user/{UserName}"),
			s.untagUser,
			api.Takes("TagKeys", "UserName")),
		api.Op("ListUserTags",
			api.About("user/{UserName}"),
			s.listUserTags,
			api.Takes("UserName", "Marker", "MaxItems")),
		held(s, "PutUserPermissionsBoundary", identity.OfUser,
			putBoundary[sdk.PutUserPermissionsBoundaryInput, sdk.PutUserPermissionsBoundaryOutput],
			"PermissionsBoundary"),
		held(s, "DeleteUserPermissionsBoundary", identity.OfUser,
			deleteBoundary[sdk.DeleteUserPermissionsBoundaryInput, sdk.DeleteUserPermissionsBoundaryOutput]),
	}
}

func (s *service) userPolicyOperations() []api.Operation {
	return []api.Operation{
		held(s, "PutUserPolicy", identity.OfUser, putInline[sdk.PutUserPolicyInput, sdk.PutUserPolicyOutput],
			"PolicyDocument", "PolicyName"),
		held(s, "GetUserPolicy", identity.OfUser, getInline[sdk.GetUserPolicyInput, sdk.GetUserPolicyOutput],
			"PolicyName"),
		held(s, "ListUserPolicies", identity.OfUser,
			listInline[sdk.ListUserPoliciesInput, sdk.ListUserPoliciesOutput],
			"Marker", "MaxItems"),
		held(s, "DeleteUserPolicy", identity.OfUser,
			deleteInline[sdk.DeleteUserPolicyInput, sdk.DeleteUserPolicyOutput],
			"PolicyName"),
		held(s, "AttachUserPolicy", identity.OfUser, attach[sdk.AttachUserPolicyInput, sdk.AttachUserPolicyOutput],
			"PolicyArn"),
		held(s, "DetachUserPolicy", identity.OfUser, detach[sdk.DetachUserPolicyInput, sdk.DetachUserPolicyOutput],
			"PolicyArn"),
		held(s, "ListAttachedUserPolicies", identity.OfUser,
			listAttached[sdk.ListAttachedUserPoliciesInput, sdk.ListAttachedUserPoliciesOutput],
			"Marker", "MaxItems", "PathPrefix"),
	}
}

// credentialOperations returns the operations on access keys and other credentials of users.
func (s *service) credentialOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAccessKey",
			api.About("user/{UserName}"),
			s.createAccessKey,
			api.Takes("UserName")),
		api.Op("ListAccessKeys",
			api.About("user/{UserName}"),
			s.listAccessKeys,
			api.Takes("Marker", "MaxItems", "UserName")),
		api.Op("UpdateAccessKey",
			api.About("user/{UserName}"),
			s.updateAccessKey,
			api.Takes("AccessKeyId", "Status", "UserName")),
		api.Op("DeleteAccessKey",
			api.About("user/{UserName}"),
			s.deleteAccessKey,
			api.Takes("AccessKeyId", "UserName")),
		api.Op("GetAccessKeyLastUsed",
			api.Lookup(s.ownerOfKey, "user"),
			s.getAccessKeyLastUsed,
			api.Takes("AccessKeyId")),
		api.Op("ListSSHPublicKeys",
			api.About("user/{UserName}"),
			s.listSSHPublicKeys,
			api.Takes("Marker", "MaxItems", "UserName")),
		api.Op("ListSigningCertificates",
			api.About("user/{UserName}"),
			s.listSigningCertificates,
			api.Takes("Marker", "MaxItems", "UserName")),
		api.Op("ListServiceSpecificCredentials",
			api.About("user/{UserName}"),
			s.listServiceSpecificCredentials,
			api.Takes("AllUsers", "Marker", "MaxItems", "UserName"),
			api.Unread("no user has such credentials, of whichever service", "ServiceName")),
	}
}

// signInOperations returns the operations on what users sign in to a console with.
func (s *service) signInOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListMFADevices",
			api.About("user/{UserName}"),
			s.listMFADevices,
			api.Takes("Marker", "MaxItems", "UserName")),
		api.Op("ListVirtualMFADevices",
			api.About("mfa/*"),
			s.listVirtualMFADevices,
			api.Takes("Marker", "MaxItems"),
			api.Unread("there are no devices, assigned or not", "AssignmentStatus")),
		api.Op("GetLoginProfile",
			api.About("user/{UserName}"),
			s.getLoginProfile,
			api.Takes("UserName")),
		api.Op("DeleteLoginProfile",
			api.About("user/{UserName}"),
			s.deleteLoginProfile,
			api.Takes("UserName")),
	}
}

func (s *service) groupOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateGroup",
			api.Lookup(newGroup, "group"),
			s.createGroup,
			api.Takes("GroupName", "Path")),
		api.Op("GetGroup",
			api.About("group/{GroupName}"),
			s.getGroup,
			api.Takes("GroupName", "Marker", "MaxItems")),
		api.Op("ListGroups",
			api.About("group/*"),
			s.listGroups,
			api.Takes("Marker", "MaxItems", "PathPrefix")),
		api.Op("ListGroupsForUser",
			api.About("user/{UserName}"),
			s.listGroupsForUser,
			api.Takes("UserName", "Marker", "MaxItems")),
		api.Op("UpdateGroup",
			api.About("group/{GroupName}").And(api.Lookup(s.changedGroup, "group")),
			s.updateGroup,
			api.Takes("GroupName", "NewGroupName", "NewPath")),
		api.Op("DeleteGroup",
			api.About("group/{GroupName}"),
			s.deleteGroup,
			api.Takes("GroupName")),
		api.Op("AddUserToGroup",
			api.About("group/{GroupName}"),
			s.addUserToGroup,
			api.Takes("GroupName", "UserName")),
		api.Op("RemoveUserFromGroup",
			api.About("group/{GroupName}"),
			s.removeUserFromGroup,
			api.Takes("GroupName", "UserName")),
	}
}

func (s *service) groupPolicyOperations() []api.Operation {
	return []api.Operation{
		held(s, "PutGroupPolicy", identity.OfGroup, putInline[sdk.PutGroupPolicyInput, sdk.PutGroupPolicyOutput],
			"PolicyDocument", "PolicyName"),
		held(s, "GetGroupPolicy", identity.OfGroup, getInline[sdk.GetGroupPolicyInput, sdk.GetGroupPolicyOutput],
			"PolicyName"),
		held(s, "ListGroupPolicies", identity.OfGroup,
			listInline[sdk.ListGroupPoliciesInput, sdk.ListGroupPoliciesOutput],
			"Marker", "MaxItems"),
		held(s, "DeleteGroupPolicy", identity.OfGroup,
			deleteInline[sdk.DeleteGroupPolicyInput, sdk.DeleteGroupPolicyOutput],
			"PolicyName"),
		held(s, "AttachGroupPolicy", identity.OfGroup,
			attach[sdk.AttachGroupPolicyInput, sdk.AttachGroupPolicyOutput],
			"PolicyArn"),
		held(s, "DetachGroupPolicy", identity.OfGroup,
			detach[sdk.DetachGroupPolicyInput, sdk.DetachGroupPolicyOutput],
			"PolicyArn"),
		held(s, "ListAttachedGroupPolicies", identity.OfGroup,
			listAttached[sdk.ListAttachedGroupPoliciesInput, sdk.ListAttachedGroupPoliciesOutput],
			"Marker", "MaxItems", "PathPrefix"),
	}
}

func (s *service) simulateOperations() []api.Operation {
	return []api.Operation{
		api.Op("SimulatePrincipalPolicy",
			api.About("{PolicySourceArn}"),
			s.simulatePrincipalPolicy,
			api.Takes(
				"ActionNames", "PolicySourceArn", "CallerArn", "ContextEntries", "Marker", "MaxItems",
				"PermissionsBoundaryPolicyInputList", "PolicyInputList", "ResourceArns", "ResourceOwner", "ResourcePolicy",
			)),
		api.Op("SimulateCustomPolicy",
			api.Everything,
			s.simulateCustomPolicy,
			api.Takes(
				"ActionNames", "PolicyInputList", "CallerArn", "ContextEntries", "Marker", "MaxItems",
				"PermissionsBoundaryPolicyInputList", "ResourceArns", "ResourceOwner", "ResourcePolicy",
			)),
		api.Op("GetContextKeysForPrincipalPolicy",
			api.About("{PolicySourceArn}"),
			s.getContextKeysForPrincipalPolicy,
			api.Takes("PolicySourceArn", "PolicyInputList")),
		api.Op("GetContextKeysForCustomPolicy",
			api.Everything,
			s.getContextKeysForCustomPolicy,
			api.Takes("PolicyInputList")),
	}
}

func (s *service) accountOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetAccountSummary",
			api.Everything,
			s.getAccountSummary,
			api.All),
		api.Op("GetAccountPasswordPolicy",
			api.Everything,
			s.getAccountPasswordPolicy,
			api.All),
		api.Op("GetAccountAuthorizationDetails",
			api.Everything,
			s.getAccountAuthorizationDetails,
			api.Takes("Filter", "Marker", "MaxItems")),
		api.Op("CreateAccountAlias",
			api.Everything,
			s.createAccountAlias,
			api.Takes("AccountAlias")),
		api.Op("DeleteAccountAlias",
			api.Everything,
			s.deleteAccountAlias,
			api.Takes("AccountAlias")),
		api.Op("ListAccountAliases",
			api.Everything,
			s.listAccountAliases,
			api.Takes("Marker", "MaxItems")),
	}
}

// held makes the row of an operation on the policies of a user, role or group. It takes the holder's name and the
// members that follow.
func held[In, Out any](
	s *service, name string, kind identity.HolderKind, handle func(*service, identity.HolderKind) handlerOf[In, Out],
	members ...string,
) api.Operation {
	about := kind.String() + "/{" + nameMembers[kind] + "}"
	return api.Op(name, api.About(about), handle(s, kind), api.ByName, api.Takes(append(members, nameMembers[kind])...))
}
