package wire

import (
	"reflect"
	"strings"
)

// unions lists the variants of each union interface of postern/aws/service, which reflection cannot find from the
// interface. None of the operations that are built has one; the tests add the SDK's.
var unions = map[reflect.Type][]reflect.Type{}

// variantName is a variant's member on the wire: "…MemberName" is "Name".
func variantName(t reflect.Type) string {
	_, name, _ := strings.Cut(t.Name(), "Member")
	return name
}
