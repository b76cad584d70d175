package doctor

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/arn"
	"postern/aws/service/iam"
	"postern/aws/service/ssm"
)

// hostManagement is the service setting that names the role of instances without a profile of use.
const hostManagement = "/ssm/managed-instance/default-ec2-instance-management-role"

// rolesRead are roles, and what kept others from being read.
type rolesRead struct {
	roles []Role
	err   error
}

// roles returns the roles that a node's agent can have, an instance's by its profile and by default host management, a
// machine's by its activation, and why they could not be read, empty where they were.
func (r *reader) roles(n *node) (roles []Role, unread string) {
	var found rolesRead
	switch {
	case strings.HasPrefix(n.ID, "mi-"):
		if n.service == "" {
			return nil, "Systems Manager does not say which role the node has"
		}
		found = r.once("role "+n.service, func() (Role, error) {
			return r.role(n.service, "its activation", "ssm.amazonaws.com")
		})
	case strings.HasPrefix(n.ID, "i-"):
		found = r.profile(n.profile)
		host := r.once("host management", r.hostRole)
		found.roles = slices.Concat(found.roles, host.roles)
		if found.err == nil {
			found.err = host.err
		}
	}
	if found.err != nil {
		unread = fmt.Sprintf("the node's role cannot be read (%s)", code(found.err))
	}
	return found.roles, unread
}

// once returns what read gave the first time that it was wanted: a role, or none where it has no name.
func (r *reader) once(what string, read func() (Role, error)) rolesRead {
	found, ok := r.given[what]
	if !ok {
		role, err := read()
		found.err = err
		if err == nil && role.Name != "" {
			found.roles = []Role{role}
		}
		r.given[what] = found
	}
	return found
}

// baseName returns what follows the last slash: the name without its path.
func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// profile returns the roles of an instance profile.
func (r *reader) profile(profileARN string) (found rolesRead) {
	if profileARN == "" {
		return found
	}
	found, ok := r.given["profile "+profileARN]
	if ok {
		return found
	}
	defer func() { r.given["profile "+profileARN] = found }()
	name := profileARN
	if parsed, err := arn.Parse(profileARN); err == nil {
		name = baseName(parsed.Resource)
	}
	out, err := r.IAM.GetInstanceProfile(r.ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if err != nil {
		return rolesRead{err: err}
	}
	for _, in := range out.InstanceProfile.Roles {
		role, err := r.role(aws.ToString(in.RoleName), "instance profile "+name, "ec2.amazonaws.com")
		if err != nil {
			found.err = err
			return found
		}
		found.roles = append(found.roles, role)
	}
	return found
}

// hostRole reads the role of default host management. It has no name where that is off.
func (r *reader) hostRole() (Role, error) {
	out, err := r.SSM.GetServiceSetting(r.ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(hostManagement)})
	switch {
	case err != nil && code(err) == "ServiceSettingNotFound":
		return Role{}, nil
	case err != nil: // whether it is on is not known
		return Role{}, err
	case out.ServiceSetting == nil:
		return Role{}, nil
	}
	name := baseName(aws.ToString(out.ServiceSetting.SettingValue))
	if name == "" || name == "$None" {
		return Role{}, nil
	}
	return r.role(name, "default host management", "ssm.amazonaws.com")
}

// role reads a role with its policies. by tells how nodes come to have it, service who has to be trusted.
func (r *reader) role(name, by, service string) (Role, error) {
	name = baseName(name)
	out, err := r.IAM.GetRole(r.ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if err != nil {
		return Role{}, err
	}
	role := Role{
		Name:    name,
		ARN:     aws.ToString(out.Role.Arn),
		By:      by,
		Service: service,
		Trust:   unescaped(out.Role.AssumeRolePolicyDocument),
	}
	if role.Policies, err = r.rolePolicies(name); err != nil {
		return Role{}, err
	}
	if b := out.Role.PermissionsBoundary; b != nil {
		d, err := r.managedPolicy(aws.ToString(b.PermissionsBoundaryArn))
		if err != nil {
			return Role{}, err
		}
		role.Boundary = &d
	}
	read := role
	role.compiled = sync.OnceValues(read.parse)
	return role, nil
}

// unescaped returns a policy document as IAM sends it, in percent-encoding.
func unescaped(text *string) string {
	plain, err := url.PathUnescape(aws.ToString(text))
	if err != nil {
		return aws.ToString(text)
	}
	return plain
}

func (r *reader) rolePolicies(role string) (documents []Document, err error) {
	attached := iam.NewListAttachedRolePoliciesPaginator(r.IAM,
		&iam.ListAttachedRolePoliciesInput{RoleName: aws.String(role)})
	for attached.HasMorePages() {
		page, err := attached.NextPage(r.ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range page.AttachedPolicies {
			d, err := r.managedPolicy(aws.ToString(p.PolicyArn))
			if err != nil {
				return nil, err
			}
			documents = append(documents, d)
		}
	}
	inline := iam.NewListRolePoliciesPaginator(r.IAM, &iam.ListRolePoliciesInput{RoleName: aws.String(role)})
	for inline.HasMorePages() {
		page, err := inline.NextPage(r.ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range page.PolicyNames {
			out, err := r.IAM.GetRolePolicy(r.ctx,
				&iam.GetRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(name)})
			if err != nil {
				return nil, err
			}
			documents = append(documents, Document{name, unescaped(out.PolicyDocument)})
		}
	}
	return documents, nil
}

// managedPolicy reads the default version of a managed policy.
func (r *reader) managedPolicy(policyARN string) (Document, error) {
	p, err := r.IAM.GetPolicy(r.ctx, &iam.GetPolicyInput{PolicyArn: aws.String(policyARN)})
	if err != nil {
		return Document{}, err
	}
	v, err := r.IAM.GetPolicyVersion(r.ctx,
		&iam.GetPolicyVersionInput{PolicyArn: aws.String(policyARN), VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return Document{}, err
	}
	return Document{policyARN, unescaped(v.PolicyVersion.Document)}, nil
}
