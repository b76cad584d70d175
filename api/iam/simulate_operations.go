package iam

import "postern/api"

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
