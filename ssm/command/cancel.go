package command

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"postern/aws/scope"
)

// Cancel asks for a command to be ended, on some of its nodes or, without nodes, on all. What has not been sent ends
// now; for the rest the nodes are asked. When it returns, the request is durable. A command that is not there is a
// fault with the code InvalidCommandId, a node that it is not for one with the code InvalidInstanceId.
func (s *Service) Cancel(ctx context.Context, scope scope.Scope, id string, nodes []string) error {
	c, err := s.Command(ctx, scope, id)
	if err != nil {
		return err
	}
	keys, err := s.cancellable(ctx, id, nodes)
	if err != nil {
		return err
	}
	if len(nodes) == 0 {
		if err := s.cancelAll(ctx, id); err != nil {
			return err
		}
	}
	cancellation, now := uuid.NewString(), s.config.Now()
	asked := make(map[string]*Invocation, len(keys))
	err = s.change(ctx, keys, func(i *Invocation) {
		i.cancel(cancellation, now)
		asked[i.Node] = i // only the writer is here, and it is done before change returns
	})
	if err != nil {
		return err
	}
	for _, node := range slices.Sorted(maps.Keys(asked)) {
		if err := s.post(&cachedCommand{Command: c}, asked[node]); err != nil {
			return err
		}
	}
	s.hintRelease(id)
	return nil
}

// underWay are the stages of invocations that have not ended.
var underWay = []Stage{Held, Queued, Running, Cancelling}

// cancellable finds those of a command's invocations that have not ended: on the nodes that are named, or on all.
func (s *Service) cancellable(ctx context.Context, id string, nodes []string) ([]Key, error) {
	var keys []Key
	if len(nodes) == 0 {
		rows, err := s.config.Store.Rows(ctx, Query{CommandID: id, Stages: underWay})
		for _, r := range rows {
			keys = append(keys, r.Key())
		}
		return keys, err
	}
	for _, n := range nodes {
		rows, err := s.config.Store.Rows(ctx, Query{CommandID: id, Node: n})
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			return nil, invalid("InvalidInstanceId", "command %s is not for %s", id, n)
		}
		if rows[0].Stage != Ended {
			keys = append(keys, rows[0].Key())
		}
	}
	return keys, nil
}

// cancelAll notes that the whole command is being cancelled.
func (s *Service) cancelAll(ctx context.Context, id string) error {
	defer s.forget(id)
	return s.config.Store.UpdateCommand(ctx, id, func(body []byte) ([]byte, error) {
		c, err := readCommand(CommandRow{ID: id, Body: body})
		if err != nil {
			return nil, err
		}
		c.CancelRequested = true
		return c.row().Body, nil
	})
}
