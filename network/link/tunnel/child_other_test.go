//go:build !linux

package tunnel

const childVariable = "POSTERN_TEST_ATTACHED"

func child() {}
