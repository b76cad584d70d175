//go:build !linux

package fabric_test

import (
	"testing"
	"time"
)

func cpuTime() time.Duration { return 0 }

func kernelPath(b *testing.B, _ int) dialer {
	b.Skip("the reference needs Linux network namespaces")
	return nil
}
