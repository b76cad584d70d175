package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"postern/agent/execute"
)

// Times, each with Amazon's value unless it says otherwise.
const (
	defaultHealthEvery = 5 * time.Minute
	defaultPingEvery   = 54 * time.Second
	// pongWithin is 60 s in Amazon's agent; a connection that is gone should be found sooner.
	pongWithin = 10 * time.Second
	// callTime bounds one API call, and what is left of it the TLS handshake: a server to which thousands of nodes come
	// back at once is slow, and whoever comes again instead of waiting makes it slower.
	callTime = 15 * time.Second
	// dialTime bounds a connection, for which Amazon's agent waits up to 15 s, too: where no packet passes, waiting is
	// in vain.
	dialTime = 3 * time.Second
	// shakeTime is longer: a service that thousands of nodes come back to at once needs it, and every handshake that is
	// given up was work for nothing.
	shakeTime = 10 * time.Second
)

// Agent is one node's agent. Fields are set before Run and not changed after it.
type Agent struct {
	// Identity names the node and holds its credentials: *EC2 or *Hybrid.
	Identity Identity
	// Dir keeps what must outlive the process: commands that were taken and replies that were not acknowledged. Empty
	// keeps them in memory only.
	Dir string
	// Endpoint is the base URL of a service ("ssm", "ssmmessages", "ec2messages"); nil means Amazon's names.
	Endpoint func(service, region string) string
	// HTTP makes every request. Nil means NewHTTPClient with the host's own dialer and certificates.
	HTTP *http.Client
	// Runner runs scripts; nil means execute.OS below Dir, or in the temporary directory where that is empty.
	Runner execute.Runner
	// Reboot has the node boot again, for a command that asks for it; nil runs shutdown.
	Reboot func(ctx context.Context) error
	// Program is the path of the agent's program, which an update replaces; empty refuses updates.
	Program string
	// Trial has Run end when the node has come online.
	Trial bool
	// Version holds the version that the agent reports: digits and dots.
	Version string
	// HealthEvery and PingEvery are 0 for Amazon's 5 min and 54 s.
	HealthEvery, PingEvery time.Duration
	// NoPolling keeps the agent from asking ec2messages.
	NoPolling bool
	// Now is the clock of signatures and messages; nil means time.Now.
	Now func() time.Time
	// Log gets what the agent does; nil discards it.
	Log *slog.Logger

	platform  platform
	jobs      *jobs
	outbox    *outbox
	transport transport
	spawn     sync.WaitGroup // jobs that run
	restart   context.CancelCauseFunc
}

// Run works until ctx ends, and returns when nothing of the agent runs any more. It returns an error only where it
// cannot work at all, and ErrRestart for an update.
func (a *Agent) Run(ctx context.Context) error {
	if a.Identity == nil {
		return errors.New("the agent has no identity")
	}
	if err := a.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.restart = cancel
	if !a.begin(ctx) || a.Trial {
		return a.outbox.close()
	}
	a.Log.Info("agent runs", "node", a.Identity.Node(), "region", a.Identity.Region(), "version", a.Version)
	var parts sync.WaitGroup
	for _, part := range []func(context.Context){a.health, a.channel, a.poll, a.resend, a.Identity.background} {
		parts.Go(func() { part(ctx) })
	}
	parts.Wait()
	a.spawn.Wait()
	if err := a.outbox.close(); err != nil || !errors.Is(context.Cause(ctx), ErrRestart) {
		return err
	}
	return ErrRestart
}

func (a *Agent) prepare() error {
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	if a.HTTP == nil {
		a.HTTP = NewHTTPClient(nil, nil)
	}
	if a.Endpoint == nil {
		a.Endpoint = AmazonEndpoint
	}
	if a.Reboot == nil {
		a.Reboot = rebootNow
	}
	if a.Version == "" {
		a.Version = "0.0.0.0"
	}
	if a.HealthEvery == 0 {
		a.HealthEvery = defaultHealthEvery
	}
	if a.PingEvery == 0 {
		a.PingEvery = defaultPingEvery
	}
	a.platform = readPlatform()
	var err error
	if a.outbox, err = openOutbox(a.Dir); err != nil {
		return err
	}
	if a.jobs, err = openJobs(a.Dir, a.Now); err != nil {
		return err
	}
	if a.Runner == nil {
		a.Runner = execute.OS{Dir: scriptDir(a.Dir)}
	}
	a.transport.init()
	return nil
}

// begin finds out who the node is and sends the first sign of life, without which nothing else has a purpose. It tries
// until that works, or ctx ends: then it returns false.
func (a *Agent) begin(ctx context.Context) bool {
	wait, said := newBackoff(), ""
	for {
		err := a.Identity.open(ctx, a)
		if err == nil {
			err = a.ping(ctx, true)
		}
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		// Once is enough: what follows is the same try again.
		level := slog.LevelWarn
		if err.Error() == said {
			level = slog.LevelDebug
		}
		a.Log.Log(ctx, level, "not registered yet, and still trying", "error", err)
		said = err.Error()
		if !wait.sleep(ctx, err) {
			return false
		}
	}
}
