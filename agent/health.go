package agent

import (
	"context"
	"math/rand/v2"
	"time"
)

const agentName = "amazon-ssm-agent" // the only name that the API takes

// information fills in UpdateInstanceInformation.
type information struct {
	AgentName            string
	AgentStatus          string `json:",omitempty"`
	AgentVersion         string
	AvailabilityZone     *string `json:",omitempty"`
	AvailabilityZoneID   *string `json:"AvailabilityZoneId,omitempty"`
	ComputerName         string  `json:",omitempty"`
	IPAddress            string  `json:",omitempty"`
	InstanceID           string  `json:"InstanceId"`
	PlatformName         string  `json:",omitempty"`
	PlatformType         string
	PlatformVersion      string  `json:",omitempty"`
	SSMConnectionChannel *string `json:",omitempty"`
}

// ping tells the service that the node is there. The first one of a start holds only who it is.
func (a *Agent) ping(ctx context.Context, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	in := information{
		AgentName: agentName, AgentVersion: a.Version, InstanceID: a.Identity.Node(), PlatformType: a.platform.kind,
	}
	if !first {
		zone, zoneID := a.Identity.zone()
		channel := a.transport.name()
		in.AgentStatus = "Active"
		in.AvailabilityZone, in.AvailabilityZoneID, in.SSMConnectionChannel = &zone, &zoneID, &channel
		in.ComputerName, in.IPAddress = hostname(), a.Identity.address()
		in.PlatformName, in.PlatformVersion = a.platform.name, a.platform.version
	}
	c, err := a.Identity.Credentials(ctx)
	if err != nil {
		return err
	}
	err = a.call(ctx, targetSSM+"UpdateInstanceInformation", a.signWith(c, "ssm"), in, nil)
	a.noteRefusal(err)
	return err
}

// noteRefusal makes the identity fetch new credentials after the service refused these.
func (a *Agent) noteRefusal(err error) {
	if hasCode(err, "ExpiredTokenException", "ExpiredToken", "RequestExpired", "UnrecognizedClientException",
		"InvalidSignatureException", "AccessDeniedException") {
		a.Identity.renew()
	}
}

// health pings in full at once, then somewhere in the first interval, so that nodes that started together spread out,
// then at every interval; and whenever commands come over another service.
func (a *Agent) health(ctx context.Context) {
	next := time.Duration(0)
	wait := newBackoff()
	spread := true
	for {
		changed := a.transport.changes()
		if next > 0 && !a.transport.wait(ctx, changed, next) {
			return
		}
		err := a.ping(ctx, false)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.Log.Warn("no sign of life sent", "error", err)
			if !wait.sleep(ctx, err) {
				return
			}
			next = 0
			continue
		}
		wait.reset()
		next = a.HealthEvery
		if spread {
			next = rand.N(a.HealthEvery) + 1
			spread = false
		}
	}
}
