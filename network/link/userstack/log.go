package userstack

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	gvisor "gvisor.dev/gvisor/pkg/log"
)

// LogTo has the stack's own lines go to log rather than to standard error. There is one such log in a process, which
// all stacks share: the last that was set.
func LogTo(log *slog.Logger) { gvisor.SetTarget(emitter{log}) }

type emitter struct{ log *slog.Logger }

// levels are the stack's levels in slog's words. What it finds worth knowing is about single packets.
var levels = map[gvisor.Level]slog.Level{
	gvisor.Warning: slog.LevelWarn, gvisor.Info: slog.LevelDebug, gvisor.Debug: slog.LevelDebug,
}

// Emit implements gVisor's Emitter.
func (e emitter) Emit(_ int, level gvisor.Level, _ time.Time, format string, args ...any) {
	ctx := context.Background()
	if to := levels[level]; e.log.Enabled(ctx, to) {
		e.log.Log(ctx, to, "the TCP/IP stack reports", "text", fmt.Sprintf(format, args...))
	}
}
