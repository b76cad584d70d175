package world_test

import (
	"flag"
	"strings"
	"testing"

	"go.uber.org/goleak"

	s3program "postern/services/s3/embedded/program"
	"postern/test/s3gateway"
	"postern/test/world"
)

func TestMain(m *testing.M) {
	s3program.InitMain()
	s3gateway.InitMain()
	flag.Parse()
	// The tests wait for time-outs more than for a processor.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestThreeNodes(t *testing.T) {
	t.Parallel()
	w := world.New(t, world.Nodes(3))
	if out := w.Node(0).Says("echo hello; id -u"); !strings.HasPrefix(out, "hello\n") {
		t.Errorf("it says %q", out)
	}
	m := w.Join()
	if out := m.Says("echo of a machine"); out != "of a machine\n" {
		t.Errorf("it says %q", out)
	}
}
