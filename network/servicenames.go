package network

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
)

// The states of a service's private name, as the EC2 API spells them.
const (
	NamePending  = "pendingVerification"
	NameVerified = "verified"
	NameFailed   = "failed"
)

// ServiceName is the private name of an endpoint service, with the TXT record that proves whose it is: its endpoints
// answer to the name once the record has been found.
type ServiceName struct {
	// Name is "db.example.com" or "*.example.com".
	Name, State string
	// Record is the first label of the TXT record's name, Value its text.
	Record, Value string
}

var nameForm = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func newServiceName(name string) (*ServiceName, error) {
	name = strings.ToLower(name)
	switch {
	case len(name) > 253 || !nameForm.MatchString(name):
		return nil, invalidParameter("The private DNS name %s is not valid.", name)
	case strings.HasSuffix(name, ".amazonaws.com") || strings.HasSuffix(name, ".internal"):
		return nil, invalidParameter("The private DNS name %s lies in a domain that cannot be verified.", name)
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return &ServiceName{
		Name: name, State: NamePending, Record: "_" + randomText(alphabet[:26]+alphabet[52:],
			20), Value: "vpce:" + randomText(alphabet, 20),
	}, nil
}

// records are the names that the TXT record may stand at: below the private name or a domain that it lies in, with
// the record's own label or, for DNS providers that take no underscores, without.
func (n *ServiceName) records() []string {
	var out []string
	for domain := strings.TrimPrefix(n.Name, "*."); strings.Contains(domain, "."); {
		out = append(out, n.Record+"."+domain, domain)
		_, domain, _ = strings.Cut(domain, ".")
	}
	return out
}

// VerifyServiceName looks for the TXT record that proves the private name of a service of one's own. The name is then
// verified or failed; what was verified once and is no longer there is failed, and its endpoints lose the name.
func (s *Service) VerifyServiceName(ctx context.Context, c scope.Scope, id string) error {
	v, err := s.State().VpcEndpointService(c, id)
	if err != nil {
		return err
	}
	if v.PrivateDNS == nil {
		return invalidParameter("The service %s has no private DNS name.", id)
	}
	if s.lookupTXT == nil {
		return refuse(fault.Invalid, "UnsupportedOperation",
			"A private DNS name is verified by a TXT record, and this server asks no name server for it: its configuration "+
				"names none")
	}
	proved := s.proves(ctx, v.PrivateDNS)
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.VpcEndpointService(c, id)
		if err != nil {
			return err
		}
		if old.PrivateDNS == nil || *old.PrivateDNS != *v.PrivateDNS {
			return refuse(fault.Conflict, "InvalidState", "The private DNS name of %s was changed meanwhile", id)
		}
		name := *old.PrivateDNS
		if name.State = NameFailed; proved {
			name.State = NameVerified
		}
		changed := *old
		changed.PrivateDNS = &name
		p.put(&changed)
		return nil
	})
}

func (s *Service) proves(ctx context.Context, n *ServiceName) bool {
	for _, at := range n.records() {
		// A name without the record is no error here: the next one may have it.
		if texts, err := s.lookupTXT(ctx, at); err == nil && slices.Contains(texts, n.Value) {
			return true
		}
	}
	return false
}
