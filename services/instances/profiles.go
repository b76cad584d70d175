package instances

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/services/compute"
)

// FindProfile finds the instance profile of a name or an ARN, and the ARN of its role, which whoever gives the profile
// to an instance passes on; a profile may have none.
func (s *Service) FindProfile(account, name, profileARN string) (p compute.Profile, role string, err error) {
	if name == "" && profileARN != "" {
		a, err := arn.Parse(profileARN)
		if err != nil || a.Service != "iam" || a.Type() != "instance-profile" {
			return p, "", fault.New(fault.Invalid, "instances.FindProfile",
				"Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", profileARN).
				WithCode("InvalidIamInstanceProfileArn.Malformed")
		}
		name = a.ID()[strings.LastIndexByte(a.ID(), '/')+1:]
	}
	found, err := s.profiles.InstanceProfile(account, name)
	if fault.Is(err, fault.NotFound) || err == nil && profileARN != "" && found.ARN() != profileARN {
		return p, "", fault.New(fault.Invalid, "instances.FindProfile",
			"Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
			cmp.Or(profileARN, name)).WithCode("InvalidParameterValue")
	}
	if err != nil {
		return p, "", fmt.Errorf("find instance profile %s: %w", name, err)
	}
	p = compute.Profile{ARN: found.ARN(), ID: found.ID, Name: found.Name}
	if found.Role == "" {
		return p, "", nil
	}
	r, err := s.profiles.Role(account, found.Role)
	if err != nil {
		return p, "", fmt.Errorf("find role %s: %w", found.Role, err)
	}
	return p, r.ARN(), nil
}

// associationPrefix begins an association's id. An instance has one instance profile at the most, so the id is its
// instance's with another prefix.
const associationPrefix = "iip-assoc-"

// AssociationID returns the id of the association of an instance with its profile.
func AssociationID(i compute.Instance) string {
	return associationPrefix + strings.TrimPrefix(i.ID, "i-")
}

// InstanceOfAssociation returns the id of the instance that an association's id means, or "".
func InstanceOfAssociation(id string) string {
	digits, ok := strings.CutPrefix(id, associationPrefix)
	if !ok {
		return ""
	}
	return "i-" + digits
}

// Associated finds the instance of an association.
func (s *Service) Associated(c scope.Scope, id string) (compute.Instance, error) {
	if i, err := s.compute.Instance(c, InstanceOfAssociation(id)); err == nil && i.Profile.ARN != "" {
		return i, nil
	}
	return compute.Instance{}, fault.New(fault.NotFound, "instances.Associated",
		"An invalid association-id of '%s' was given", id).WithCode("InvalidAssociationID.NotFound")
}

// Associate gives a profile to an instance that has none.
func (s *Service) Associate(
	ctx context.Context, c scope.Scope, instance string, p compute.Profile,
) (compute.Instance, error) {
	defer s.locks.lock("profile/" + instance)()
	i, err := s.compute.Instance(c, instance)
	if err != nil {
		return i, err
	}
	if i.Profile.ARN != "" {
		return i, fault.New(fault.Conflict, "instances.Associate",
			"There is an existing association for instance %s", i.ID).WithCode("IncorrectState")
	}
	return s.compute.Modify(ctx, c, instance, compute.Modification{Profile: &p})
}

// Replace gives another profile to the instance of an association.
func (s *Service) Replace(
	ctx context.Context, c scope.Scope, association string, p compute.Profile,
) (compute.Instance, error) {
	defer s.locks.lock("profile/" + InstanceOfAssociation(association))()
	i, err := s.Associated(c, association)
	if err != nil {
		return i, err
	}
	return s.compute.Modify(ctx, c, i.ID, compute.Modification{Profile: &p})
}

// Disassociate takes the profile away from the instance of an association, which is returned as it was.
func (s *Service) Disassociate(ctx context.Context, c scope.Scope, association string) (compute.Instance, error) {
	defer s.locks.lock("profile/" + InstanceOfAssociation(association))()
	i, err := s.Associated(c, association)
	if err != nil {
		return i, err
	}
	_, err = s.compute.Modify(ctx, c, i.ID, compute.Modification{Profile: new(compute.Profile)})
	return i, err
}
