package wire

import "reflect"

// Variants lists the variants of a union, for tests that fill every type.
func Variants(union reflect.Type) []reflect.Type { return unions[union] }
