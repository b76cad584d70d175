package wire

import (
	"reflect"
	"strings"

	iamtypes "postern/aws/service/iam/types"
)

// unions lists the variants of each union interface of postern/aws/service, which reflection cannot find from the
// interface. The tests add the SDK's.
var unions = map[reflect.Type][]reflect.Type{
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
