package wire

import "reflect"

// Variants lists the variants of a union, for tests that fill every type.
func Variants(union reflect.Type) []reflect.Type { return unions[union] }

// ForgetShapes empties the cache, to measure how long filling it takes.
func ForgetShapes() {
	shapes.mu.Lock()
	defer shapes.mu.Unlock()
	clear(shapes.byType)
}
