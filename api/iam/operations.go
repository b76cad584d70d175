package iam

import (
	"slices"

	"postern/api"
	"postern/aws/wire"
)

// New makes the IAM API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{c.Identities}
	return api.Service{
		Name: "iam", Protocol: wire.Query, Global: true, Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
		Operations: slices.Concat(s.roleTable(), s.profileTable(), s.policyTable(), s.userTable()),
	}
}

func (s *service) roleTable() []api.Operation {
	return []api.Operation{
		row(s, "CreateRole", newOne("role", "RoleName"), s.createRole),
		row(s, "GetRole", theRole, s.getRole),
		row(s, "ListRoles", every("role"), s.listRoles),
		row(s, "DeleteRole", theRole, s.deleteRole),
		row(s, "UpdateRole", theRole, s.updateRole),
		row(s, "UpdateRoleDescription", theRole, s.updateRoleDescription),
		row(s, "UpdateAssumeRolePolicy", theRole, s.updateAssumeRolePolicy),
		row(s, "PutRolePermissionsBoundary", theRole, s.putRoleBoundary),
		row(s, "DeleteRolePermissionsBoundary", theRole, s.deleteRoleBoundary),
		row(s, "TagRole", theRole, s.tagRole),
		row(s, "UntagRole", theRole, s.untagRole),
		row(s, "ListRoleTags", theRole, s.listRoleTags),
		row(s, "PutRolePolicy", theRole, s.putRolePolicy),
		row(s, "GetRolePolicy", theRole, s.getRolePolicy),
		row(s, "ListRolePolicies", theRole, s.listRolePolicies),
		row(s, "DeleteRolePolicy", theRole, s.deleteRolePolicy),
		row(s, "AttachRolePolicy", theRole, s.attachRolePolicy),
		row(s, "DetachRolePolicy", theRole, s.detachRolePolicy),
		row(s, "ListAttachedRolePolicies", theRole, s.listAttachedRolePolicies),
	}
}

func (s *service) profileTable() []api.Operation {
	return []api.Operation{
		row(s, "CreateInstanceProfile", newOne("instance-profile", "InstanceProfileName"), s.createInstanceProfile),
		row(s, "GetInstanceProfile", theProfile, s.getInstanceProfile),
		row(s, "ListInstanceProfiles", every("instance-profile"), s.listInstanceProfiles),
		row(s, "ListInstanceProfilesForRole", theRole, s.listInstanceProfilesForRole),
		row(s, "DeleteInstanceProfile", theProfile, s.deleteInstanceProfile),
		row(s, "AddRoleToInstanceProfile", theProfile, s.addRoleToInstanceProfile),
		row(s, "RemoveRoleFromInstanceProfile", theProfile, s.removeRoleFromInstanceProfile),
		row(s, "TagInstanceProfile", theProfile, s.tagInstanceProfile),
		row(s, "UntagInstanceProfile", theProfile, s.untagInstanceProfile),
		row(s, "ListInstanceProfileTags", theProfile, s.listInstanceProfileTags),
	}
}

func (s *service) policyTable() []api.Operation {
	return []api.Operation{
		row(s, "CreatePolicy", newOne("policy", "PolicyName"), s.createPolicy),
		row(s, "GetPolicy", thePolicy, s.getPolicy),
		row(s, "ListPolicies", every("policy"), s.listPolicies),
		row(s, "DeletePolicy", thePolicy, s.deletePolicy),
		row(s, "CreatePolicyVersion", thePolicy, s.createPolicyVersion),
		row(s, "GetPolicyVersion", thePolicy, s.getPolicyVersion),
		row(s, "ListPolicyVersions", thePolicy, s.listPolicyVersions),
		row(s, "DeletePolicyVersion", thePolicy, s.deletePolicyVersion),
		row(s, "SetDefaultPolicyVersion", thePolicy, s.setDefaultPolicyVersion),
		row(s, "ListEntitiesForPolicy", thePolicy, s.listEntitiesForPolicy),
		row(s, "TagPolicy", thePolicy, s.tagPolicy),
		row(s, "UntagPolicy", thePolicy, s.untagPolicy),
		row(s, "ListPolicyTags", thePolicy, s.listPolicyTags),
	}
}

func (s *service) userTable() []api.Operation {
	return []api.Operation{
		row(s, "CreateUser", newOne("user", "UserName"), s.createUser),
		row(s, "GetUser", theUser, s.getUser),
		row(s, "ListUsers", every("user"), s.listUsers),
		rowAbout(s, "UpdateUser", []subject{theUser, theChangedUser}, s.updateUser),
		row(s, "DeleteUser", theUser, s.deleteUser),
		row(s, "ListGroupsForUser", theUser, s.listGroupsForUser),
		row(s, "TagUser", theUser, s.tagUser),
		row(s, "UntagUser", theUser, s.untagUser),
		row(s, "ListUserTags", theUser, s.listUserTags),
		row(s, "PutUserPermissionsBoundary", theUser, s.putUserBoundary),
		row(s, "DeleteUserPermissionsBoundary", theUser, s.deleteUserBoundary),
		row(s, "PutUserPolicy", theUser, s.putUserPolicy),
		row(s, "GetUserPolicy", theUser, s.getUserPolicy),
		row(s, "ListUserPolicies", theUser, s.listUserPolicies),
		row(s, "DeleteUserPolicy", theUser, s.deleteUserPolicy),
		row(s, "AttachUserPolicy", theUser, s.attachUserPolicy),
		row(s, "DetachUserPolicy", theUser, s.detachUserPolicy),
		row(s, "ListAttachedUserPolicies", theUser, s.listAttachedUserPolicies),
		row(s, "CreateAccessKey", theUser, s.createAccessKey),
		row(s, "ListAccessKeys", theUser, s.listAccessKeys),
		row(s, "UpdateAccessKey", theUser, s.updateAccessKey),
		row(s, "DeleteAccessKey", theUser, s.deleteAccessKey),
		row(s, "ListSSHPublicKeys", theUser, s.listSSHPublicKeys),
		row(s, "ListSigningCertificates", theUser, s.listSigningCertificates),
		row(s, "ListServiceSpecificCredentials", theUser, s.listServiceSpecificCredentials),
		row(s, "ListMFADevices", theUser, s.listMFADevices),
		row(s, "ListVirtualMFADevices", every("mfa"), s.listVirtualMFADevices),
		row(s, "GetLoginProfile", theUser, s.getLoginProfile),
		row(s, "DeleteLoginProfile", theUser, s.deleteLoginProfile),
	}
}
