package wire

import (
	"reflect"
	"strings"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// unions lists the variants of each of the SDK's union interfaces, which reflection cannot find from the interface.
var unions = map[reflect.Type][]reflect.Type{
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
}

// variantName is a variant's member on the wire: "…MemberName" is "Name".
func variantName(t reflect.Type) string {
	_, name, _ := strings.Cut(t.Name(), "Member")
	return name
}
