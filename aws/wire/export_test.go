package wire

import (
	"maps"
	"reflect"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
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
		reflect.TypeFor[s3types.AnalyticsFilter](): {
			reflect.TypeFor[s3types.AnalyticsFilterMemberAnd](),
			reflect.TypeFor[s3types.AnalyticsFilterMemberPrefix](),
			reflect.TypeFor[s3types.AnalyticsFilterMemberTag](),
		},
		reflect.TypeFor[s3types.MetricsFilter](): {
			reflect.TypeFor[s3types.MetricsFilterMemberAccessPointArn](),
			reflect.TypeFor[s3types.MetricsFilterMemberAnd](),
			reflect.TypeFor[s3types.MetricsFilterMemberPrefix](),
			reflect.TypeFor[s3types.MetricsFilterMemberTag](),
		},
		reflect.TypeFor[s3types.ObjectEncryption](): {
			reflect.TypeFor[s3types.ObjectEncryptionMemberSSEKMS](),
		},
		reflect.TypeFor[iamtypes.PolicyIdentifier](): {
			reflect.TypeFor[iamtypes.PolicyIdentifierMemberInlinePolicyIdentifier](),
			reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyArn](),
			reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyType](),
		},
	})
}
