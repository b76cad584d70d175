package bus_test

import (
	"testing"

	"postern/bus"
	"postern/bus/bustest"
)

func TestLocal(t *testing.T) {
	bustest.Run(t, func(*testing.T) bus.Bus { return new(bus.Local) })
}

func BenchmarkLocalPublish(b *testing.B) {
	var l bus.Local
	hints, cancel := l.Subscribe("node/i-0")
	defer cancel()
	for b.Loop() {
		l.Publish("node/i-0")
		<-hints
	}
}
