package network

import (
	"context"
	"iter"

	"postern/aws/fault"
	"postern/aws/scope"
)

// Connections are the endpoints that ask for a connection to a service of one's own or have one, in the order of their
// ids. They may be anybody's.
func (s *State) Connections(v *VpcEndpointService) iter.Seq[*VpcEndpoint] {
	return endpointsByService.Find(s.Tables, v.Name())
}

// AcceptConnections lets endpoints in to a service of one's own, and RejectConnections keeps them out, those too that
// were let in before. Each is answered or not by itself: the map holds the error of each id that was not.
func (s *Service) AcceptConnections(
	ctx context.Context, c scope.Scope, service string, ids []string,
) (map[string]error, error) {
	failed, err := s.answerConnections(ctx, c, answer{service, ids, Pending, []string{PendingAcceptance, Rejected}})
	if err != nil {
		return nil, err
	}
	return failed, s.settle(ctx, ids...)
}

// RejectConnections is described at AcceptConnections.
func (s *Service) RejectConnections(
	ctx context.Context, c scope.Scope, service string, ids []string,
) (map[string]error, error) {
	return s.answerConnections(ctx, c, answer{service, ids, Rejected, []string{PendingAcceptance, Pending, Available}})
}

// answer brings the endpoints of a service from one of some states to another.
type answer struct {
	service string
	ids     []string
	to      string
	from    []string
}

func (s *Service) answerConnections(ctx context.Context, c scope.Scope, a answer) (map[string]error, error) {
	failed := map[string]error{}
	err := s.do(ctx, c, func(p *plan) error {
		clear(failed)
		v, err := p.VpcEndpointService(c, a.service)
		if err != nil {
			return err
		}
		for _, id := range a.ids {
			if err := p.answerConnection(v, id, a); err != nil {
				failed[id] = err
			}
		}
		return nil
	})
	return failed, err
}

func (p *plan) answerConnection(v *VpcEndpointService, id string, a answer) error {
	old, ok := endpointKind.Get(p.Tables, id)
	if !ok || old.Service != v.Name() {
		return endpointKind.unknown(id)
	}
	for _, state := range a.from {
		if old.State == state {
			e := *old
			e.State = a.to
			p.put(&e)
			return nil
		}
	}
	return refuse(fault.Conflict, "InvalidState", "The VPC endpoint connection of %s to %s is %s", id, v.ID, old.State)
}
