package identity

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"postern/aws/fault"
	"postern/record"
)

// serviceLinkedPath begins the paths of service-linked roles, which nobody but a service makes.
const serviceLinkedPath = "/aws-service-role/"

func isServiceLinked(path string) bool { return strings.HasPrefix(path, serviceLinkedPath) }

// linkedRole is a service-linked role. Callers cannot choose or change it.
type linkedRole struct {
	name, description string
	policy            string // name of Amazon's managed policy
}

// linkedRoles are the service-linked roles that can be made, by the service (IAM User Guide, "Services that work with
// IAM").
var linkedRoles = map[string]linkedRole{
	"ssm.amazonaws.com": {
		name:        "AWSServiceRoleForAmazonSSM",
		description: "Provides access to AWS Resources managed or used by Amazon SSM.",
		policy:      "AmazonSSMServiceRolePolicy",
	},
}

// ServiceLinkedRole returns the name of a service's role, empty where it cannot be made.
func ServiceLinkedRole(service string) string { return linkedRoles[service].name }

// unmodifiable refuses to change what a service keeps.
func unmodifiable(name string) error {
	return fault.New(fault.Conflict, "identity", "Cannot perform the operation on the protected role '%s' - this role is "+
		"only modifiable by AWS", name).WithCode("UnmodifiableEntity")
}

// mustBeOwn refuses a role that a service keeps.
func (r *Role) mustBeOwn() error {
	if isServiceLinked(r.Path) {
		return unmodifiable(r.Name)
	}
	return nil
}

// ownRole finds a role that callers may change.
func (st *state) ownRole(account, name string) (*Role, error) {
	r, err := st.role(account, name)
	if err != nil {
		return nil, err
	}
	return r, r.mustBeOwn()
}

// CreateServiceLinkedRole makes the role of a service, such as "ssm.amazonaws.com", with the policy that Amazon gives
// it. Faults are NotImplemented (another service's) and Exists.
func (s *Service) CreateServiceLinkedRole(ctx context.Context, account, service, description string) (Role, error) {
	linked, ok := linkedRoles[service]
	if !ok {
		return Role{}, fault.New(fault.NotImplemented, "identity.CreateServiceLinkedRole",
			"Postern does not implement the service-linked role of %.128s: AWSServiceName can be ssm.amazonaws.com", service)
	}
	if description == "" {
		description = linked.description
	}
	if err := checkDescription(description); err != nil {
		return Role{}, err
	}
	policy, ok := s.amazon[key(amazonOwner, linked.policy)]
	if !ok {
		return Role{}, fault.New(fault.Internal, "identity.CreateServiceLinkedRole", "no policy %s", linked.policy)
	}
	r := &Role{
		Partition: s.partition, Account: account, Path: serviceLinkedPath + service + "/", Name: linked.name,
		ID: newID(prefixRole), Created: s.stamp(), Description: description, MaxSession: minMaxSession,
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service +
			`"},"Action":"sts:AssumeRole"}]}`,
		Permissions: Permissions{Attached: []string{policy.ARN()}},
	}
	err := s.change(ctx, account, func(p *plan) error {
		if err := p.needAccount(account); err != nil {
			return err
		}
		if _, ok := roles.Get(p.Tables, r.id()); ok {
			return fault.New(fault.Exists, "identity.CreateServiceLinkedRole", "Service role name %s has been taken in this "+
				"account, please try a different suffix.", r.Name).WithCode("InvalidInput")
		}
		roles.Put(p.Plan, r, false)
		return nil
	})
	if err != nil {
		return Role{}, err
	}
	return *r, nil
}

// roleDeletion is the end of a service-linked role, which callers ask for by its id.
type roleDeletion struct {
	Account, ID string
	Ended       time.Time
}

var roleDeletions = &record.Kind[roleDeletion]{
	Name:   "role-deletion",
	Key:    func(d *roleDeletion) string { return d.Account + "/" + d.ID },
	Groups: func(d *roleDeletion) []string { return []string{d.Account} },
}

// keepDeletions is for how long a deletion can be asked for.
const keepDeletions = 24 * time.Hour

// DeleteServiceLinkedRole deletes a service-linked role and returns the id of its deletion, which has succeeded:
// nothing in Postern works by such a role, so that none is ever in use.
func (s *Service) DeleteServiceLinkedRole(ctx context.Context, account, name string) (id string, err error) {
	err = s.change(ctx, account, func(p *plan) error {
		r, err := p.role(account, name)
		if err != nil {
			return err
		}
		if !isServiceLinked(r.Path) {
			return fault.New(fault.Invalid, "identity.DeleteServiceLinkedRole", "The role %s is not a service-linked role",
				r.Name).WithCode("InvalidInput")
		}
		now := s.stamp()
		for old := range roleDeletions.In(p.Tables, account) {
			if old.Ended.Before(now.Add(-keepDeletions)) {
				roleDeletions.Delete(p.Plan, roleDeletions.Key(old), false)
			}
		}
		id = "task" + r.Path + r.Name + "/" + uuid.NewString()
		roleDeletions.Put(p.Plan, &roleDeletion{Account: account, ID: id, Ended: now}, false)
		roles.Delete(p.Plan, r.id(), false)
		return nil
	})
	return id, err
}

// DeletedServiceLinkedRole reports whether an account has a deletion with this id; another id is a NotFound fault.
func (s *Service) DeletedServiceLinkedRole(account, id string) error {
	d := roleDeletion{Account: account, ID: id}
	if _, ok := roleDeletions.Get(s.state().tables, roleDeletions.Key(&d)); !ok {
		return notFound("Deletion Task with id %.200s cannot be found.", id)
	}
	return nil
}

// mayAttach refuses to attach, or to make a boundary, the policies of service-linked roles (IAM User Guide).
func (p *Policy) mayAttach() error {
	if p.Account == amazonOwner && isServiceLinked(p.Path) {
		return fault.New(fault.Invalid, "identity", "Cannot attach a Service Role Policy to a Customer Role.").
			WithCode("PolicyNotAttachable")
	}
	return nil
}
