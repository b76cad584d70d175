//go:build !linux

package fabric_test

import (
	"testing"
	"time"
)

func cpuTime() time.Duration { return 0 }

func kernelRoad(b *testing.B, _ int) dialer {
	b.Skip("the reference needs Linux network namespaces")
	return nil
}
