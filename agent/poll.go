package agent

import (
	"context"
	"time"

	"postern/ssm/mgs"
)

const (
	// pollGrace bounds how long the channel may be shut before the node polls. Amazon's agent polls at every start until
	// the channel has been open for a minute, and later only if it is denied.
	pollGrace = 3 * time.Second
	// pollTime is a little more than the 20 s that the service answers within.
	pollTime = 25 * time.Second
	// An answer that comes at once means that there is nobody who lets wait: then the next question waits.
	tooQuick   = time.Second
	quickPause = 2 * time.Second
)

type getMessages struct {
	Destination                string
	MessagesRequestID          string `json:"MessagesRequestId"`
	VisibilityTimeoutInSeconds int
}

type messages struct {
	Messages []struct {
		MessageID string `json:"MessageId"`
		Topic     string
		Payload   string
	}
}

type messageID struct {
	MessageID string `json:"MessageId"`
}

type sendReply struct {
	MessageID string `json:"MessageId"`
	ReplyID   string `json:"ReplyId"`
	Payload   string
}

// poll takes commands by ec2messages whenever the control channel is not to be had.
func (a *Agent) poll(ctx context.Context) {
	if a.NoPolling {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.transport.closed():
		}
		if a.transport.waitShut(ctx, pollGrace) {
			a.pollWhileShut(ctx)
		}
	}
}

// pollWhileShut polls until the channel opens.
func (a *Agent) pollWhileShut(ctx context.Context) {
	shut, cancel := context.WithCancel(ctx)
	defer cancel()
	watching := make(chan struct{})
	opened := a.transport.opened()
	go func() {
		defer close(watching)
		select {
		case <-opened:
			cancel()
		case <-shut.Done():
		}
	}()
	defer func() { cancel(); <-watching }()
	wait := newBackoff()
	for shut.Err() == nil {
		began := a.Now()
		err := a.pollOnce(ctx, shut)
		switch {
		case shut.Err() != nil:
			return
		case err != nil:
			a.Log.Warn("ec2messages does not answer", "error", err)
			if !wait.sleep(shut, err) {
				return
			}
		case a.Now().Sub(began) < tooQuick:
			pause(shut, quickPause)
			fallthrough
		default:
			wait.reset()
		}
	}
}

// pollOnce asks once and works on what comes. What runs because of it ends with ctx, the asking with shut.
func (a *Agent) pollOnce(ctx, shut context.Context) error {
	asking, cancel := context.WithTimeout(shut, pollTime)
	defer cancel()
	in := getMessages{
		Destination: a.Identity.Node(), MessagesRequestID: mgs.NewUUID().String(), VisibilityTimeoutInSeconds: 10,
	}
	var out messages
	if err := a.callMessages(asking, "GetMessages", in, &out); err != nil {
		return err
	}
	a.transport.take(overEC2Messages)
	a.outbox.nudge()
	for _, m := range out.Messages {
		code, after := a.deliver(ctx, m.MessageID, m.Topic, m.Payload)
		if code.Verdict() == mgs.JobAgain {
			continue // not acknowledged, it comes again
		}
		if err := a.callMessages(ctx, "AcknowledgeMessage", messageID{m.MessageID}, nil); err != nil {
			a.Log.Warn("a message is not acknowledged", "job", m.MessageID, "error", err)
		}
		after()
	}
	return nil
}

func (a *Agent) sendReply(ctx context.Context, r *reply) error {
	return a.callMessages(ctx, "SendReply", sendReply{MessageID: r.JobID, ReplyID: r.ID, Payload: r.Content}, nil)
}

func (a *Agent) callMessages(ctx context.Context, op string, in, out any) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	c, err := a.Identity.Credentials(ctx)
	if err != nil {
		return err
	}
	err = a.call(ctx, targetMessages+op, a.signWith(c, "ec2messages"), in, out)
	a.noteRefusal(err)
	return err
}
