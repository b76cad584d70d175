package doctor

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/arn"
	"postern/aws/service/iam"
	"postern/aws/service/ssm"
)

// hostManagement is the service setting that names the role of instances without a profile of use.
const hostManagement = "/ssm/managed-instance/default-ec2-instance-management-role"

// roles reads the roles that the node's agent can have: an instance's by its profile and by default host management, a
// managed node's by its activation.
func (r *reader) roles(profile, service string) {
	var err error
	switch {
	case strings.HasPrefix(r.Node.ID, "mi-"):
		if service == "" {
			r.RolesUnread = "Systems Manager does not say which role the node has"
			return
		}
		err = r.role(service, "its activation", "ssm.amazonaws.com")
	case strings.HasPrefix(r.Node.ID, "i-"):
		err = r.profile(profile)
		if errHost := r.hostRole(); err == nil {
			err = errHost
		}
	}
	if err != nil {
		r.RolesUnread = fmt.Sprintf("the node's role cannot be read (%s)", code(err))
	}
}

// baseName returns what follows the last slash: the name without its path.
func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func (r *reader) profile(profileARN string) error {
	if profileARN == "" {
		return nil
	}
	name := profileARN
	if parsed, err := arn.Parse(profileARN); err == nil {
		name = baseName(parsed.Resource)
	}
	out, err := r.IAM.GetInstanceProfile(r.ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if err != nil {
		return err
	}
	for _, role := range out.InstanceProfile.Roles {
		if err := r.role(aws.ToString(role.RoleName), "instance profile "+name, "ec2.amazonaws.com"); err != nil {
			return err
		}
	}
	return nil
}

// hostRole reads the role of default host management, where it is on.
func (r *reader) hostRole() error {
	out, err := r.SSM.GetServiceSetting(r.ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(hostManagement)})
	switch {
	case err != nil && code(err) == "ServiceSettingNotFound":
		return nil
	case err != nil: // whether it is on is not known
		return err
	case out.ServiceSetting == nil:
		return nil
	}
	name := baseName(aws.ToString(out.ServiceSetting.SettingValue))
	if name == "" || name == "$None" {
		return nil
	}
	return r.role(name, "default host management", "ssm.amazonaws.com")
}

func (r *reader) role(name, by, service string) error {
	name = baseName(name)
	out, err := r.IAM.GetRole(r.ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if err != nil {
		return err
	}
	role := Role{
		Name:    name,
		ARN:     aws.ToString(out.Role.Arn),
		By:      by,
		Service: service,
		Trust:   unescaped(out.Role.AssumeRolePolicyDocument),
	}
	if role.Policies, err = r.rolePolicies(name); err != nil {
		return err
	}
	if b := out.Role.PermissionsBoundary; b != nil {
		d, err := r.managedPolicy(aws.ToString(b.PermissionsBoundaryArn))
		if err != nil {
			return err
		}
		role.Boundary = &d
	}
	r.Roles = append(r.Roles, role)
	return nil
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
