package wire

import (
	"maps"
	"reflect"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Variants lists the variants of a union, for tests that fill every type.
func Variants(union reflect.Type) []reflect.Type { return unions[union] }

// ForgetShapes empties the cache, to measure how long filling it takes.
func ForgetShapes() {
	shapes.mu.Lock()
	defer shapes.mu.Unlock()
	clear(shapes.byType)
}

// The SDK's unions.
func init() {
	maps.Copy(unions, map[reflect.Type][]reflect.Type{
		reflect.TypeFor[ssmtypes.CloudConnectorConfiguration](): {
			reflect.TypeFor[ssmtypes.CloudConnectorConfigurationMemberAzureConfiguration](),
		},
		reflect.TypeFor[ssmtypes.ConfigurationTargets](): {
			reflect.TypeFor[ssmtypes.ConfigurationTargetsMemberSubscriptions](),
		},
		reflect.TypeFor[ssmtypes.ExecutionInputs](): {
			reflect.TypeFor[ssmtypes.ExecutionInputsMemberAutomation](),
		},
		reflect.TypeFor[ssmtypes.ExecutionPreview](): {
			reflect.TypeFor[ssmtypes.ExecutionPreviewMemberAutomation](),
		},
		reflect.TypeFor[ssmtypes.NodeType](): {
			reflect.TypeFor[ssmtypes.NodeTypeMemberInstance](),
		},
		reflect.TypeFor[iamtypes.PolicyIdentifier](): {
			reflect.TypeFor[iamtypes.PolicyIdentifierMemberInlinePolicyIdentifier](),
			reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyArn](),
			reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyType](),
		},
	})
}
