package identity

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
)

// The bounds of sessions. InstanceSession is what instances get from IMDS; it is renewed long before it ends.
const (
	minSession      = 15 * time.Minute
	chainedSession  = time.Hour // of a role that another role's session assumes
	InstanceSession = 6 * time.Hour
)

var sessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// AssumeRole says what session is wanted. Whether the caller may, the trust policy says (TrustPolicy); it has been
// asked before.
type AssumeRole struct {
	Caller      iam.Principal
	RoleARN     string
	SessionName string
	Duration    time.Duration // zero is an hour
	Policy      string        // session policy, or empty
	PolicyARNs  []string      // further session policies
	Tags        []Tag
	Transitive  []string // keys of Tags that go on into sessions which this one begins
	Source      string   // source identity, or empty
}

// Inherits reports whether tags or a source identity of the caller's own session go on into the new one.
func (a *AssumeRole) Inherits() (tags, source bool) {
	return len(a.Caller.Transitive) > 0, a.Caller.Kind == iam.AssumedRole && a.Caller.SourceIdentity != ""
}

// AssumedRole is a session of a role.
type AssumedRole struct {
	Credentials
	ARN    string // arn:aws:sts::A:assumed-role/ROLE/SESSION
	UserID string // AROA…:SESSION
	Role   string // name
	Source string // source identity
	Packed int    // how much of the room for policies and tags they take, in percent
}

// AssumeRole starts a session of a role.
func (s *Service) AssumeRole(_ context.Context, a AssumeRole) (AssumedRole, error) {
	if a.Caller.Kind == iam.Root {
		return AssumedRole{}, fault.New(fault.Denied, "identity.AssumeRole", "Roles may not be assumed by root accounts.").
			WithCode("AccessDenied")
	}
	if !sessionNamePattern.MatchString(a.SessionName) {
		return AssumedRole{}, invalid(
			"1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint: Member must have 2 " +
				"to 64 characters and satisfy regular expression pattern: [\\w+=,.@-]*",
		)
	}
	if a.Source != "" && !sessionNamePattern.MatchString(a.Source) {
		return AssumedRole{}, invalid(
			"1 validation error detected: Value at 'sourceIdentity' failed to satisfy constraint: Member must have 2 " +
				"to 64 characters and satisfy regular expression pattern: [\\w+=,.@-]*",
		)
	}
	if _, err := arn.Parse(a.RoleARN); err != nil {
		return AssumedRole{}, invalid("%.200s is invalid", a.RoleARN)
	}
	if err := a.inherit(); err != nil {
		return AssumedRole{}, err
	}
	tags, err := mergeTags(nil, a.Tags)
	if err != nil {
		return AssumedRole{}, err
	}
	st := s.state()
	role, ok := st.roleByARN(a.RoleARN)
	if !ok {
		return AssumedRole{}, fault.New(fault.Denied, "identity.AssumeRole", "role %.200s does not exist", a.RoleARN).
			WithCode("AccessDenied")
	}
	if err := s.checkSessionPolicies(role.Account, a.Policy, a.PolicyARNs); err != nil {
		return AssumedRole{}, err
	}
	life, err := a.life(role)
	if err != nil {
		return AssumedRole{}, err
	}
	return s.assume(role, session{
		Name: a.SessionName, Inline: a.Policy, Managed: slices.Clone(a.PolicyARNs), Tags: tags, Source: a.Source,
		Transitive: slices.Clone(a.Transitive),
	}, life)
}

// inherit adds what goes on from the caller's session, which no request can change (IAM User Guide, "Chaining roles
// with session tags").
func (a *AssumeRole) inherit() error {
	for _, key := range a.Transitive {
		if !slices.ContainsFunc(a.Tags, func(t Tag) bool { return strings.EqualFold(t.Key, key) }) {
			return invalidValue("The specified transitive tag key must be included in the requested tags.")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.Caller.Transitive)) {
		if slices.ContainsFunc(a.Tags, func(t Tag) bool { return strings.EqualFold(t.Key, key) }) {
			return invalidValue("One of the specified transitive tag keys can't be set because it conflicts with a " +
				"transitive tag key from the calling session.")
		}
		a.Tags = append(a.Tags, Tag{key, a.Caller.Transitive[key]})
		a.Transitive = append(a.Transitive, key)
	}
	if _, source := a.Inherits(); source {
		if a.Source != "" && a.Source != a.Caller.SourceIdentity {
			return invalid("The source identity of a session cannot be changed: it is %s", a.Caller.SourceIdentity)
		}
		a.Source = a.Caller.SourceIdentity
	}
	return nil
}

func invalidValue(message string) error {
	return fault.New(fault.Invalid, "identity.AssumeRole", "%s", message).WithCode("InvalidParameterValue")
}

func (a *AssumeRole) life(role *Role) (time.Duration, error) {
	life := a.Duration
	if life == 0 {
		life = time.Hour
	}
	switch {
	case life < minSession || life > maxMaxSession:
		return 0, invalid(
			"1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must be "+
				"between %d and %d",
			life/time.Second,
			minSession/time.Second,
			maxMaxSession/time.Second,
		)
	case a.Caller.Kind == iam.AssumedRole && life > chainedSession:
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case life > role.MaxSession:
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return life, nil
}

func (s *Service) assume(role *Role, sess session, life time.Duration) (AssumedRole, error) {
	sess.Account, sess.Role, sess.RoleID = role.Account, role.Name, role.ID
	if err := sess.checkPacked(); err != nil {
		return AssumedRole{}, err
	}
	c, err := s.issue(sess, life)
	if err != nil {
		return AssumedRole{}, err
	}
	return AssumedRole{
		Credentials: c, Role: role.Name, Source: sess.Source, Packed: sess.packed(), UserID: role.ID + ":" + sess.Name,
		ARN: arn.Global(role.Partition, "sts", role.Account, "assumed-role/"+role.Name+"/"+sess.Name).String(),
	}, nil
}

// TrustPolicy returns the trust policy of a role, compiled; nil if there is no such role.
func (s *Service) TrustPolicy(roleARN string) *iam.Policy {
	if r, ok := s.state().roleByARN(roleARN); ok {
		return r.trust
	}
	return nil
}

// ServiceSession says which role an AWS service assumes for an instance or a node.
type ServiceSession struct {
	Account string
	// Role is a role's name, with its path before it or without ("service-role/SSMServiceRole"), or its ARN.
	Role string
	// Service is the principal that the role has to trust, such as "ssm.amazonaws.com".
	Service string
	// IssuedTo is the instance (i-…) or node (mi-…); it is the session's name too.
	IssuedTo string
	// Source is the ARN of what the service acts for (aws:SourceArn), such as the instance's; it may be empty.
	Source string
	// VPC and Address are where an instance is: aws:Ec2InstanceSourceVpc and aws:Ec2InstanceSourcePrivateIPv4.
	VPC, Address string
	Duration     time.Duration
}

// AssumeForService starts a session that an AWS service gives to an instance or node. Errors are NotFound (no such
// role) and Denied (the role does not trust the service).
func (s *Service) AssumeForService(_ context.Context, a ServiceSession) (AssumedRole, error) {
	role, err := s.roleForService(a)
	if err != nil {
		return AssumedRole{}, err
	}
	sess := session{Name: a.IssuedTo, IssuedTo: a.IssuedTo}
	if strings.Contains(a.Source, ":instance/") {
		sess.Instance, sess.VPC, sess.Address = a.Source, a.VPC, a.Address
	}
	return s.assume(role, sess, a.Duration)
}

// CheckServiceRole reports whether AssumeForService would work: nil, NotFound or Denied.
func (s *Service) CheckServiceRole(a ServiceSession) error {
	_, err := s.roleForService(a)
	return err
}

// RoleNamed finds a role by what requests of other services call it: its name, with its path before it or without, or
// its ARN. Letter case of the name does not matter: only the role that is found says which policies name it.
func (s *Service) RoleNamed(account, name string) (Role, error) {
	r, err := s.state().roleNamed(account, name)
	if err != nil {
		return Role{}, err
	}
	return *r, nil
}

func (st *state) roleNamed(account, name string) (*Role, error) {
	if parsed, err := arn.Parse(name); err == nil && parsed == arn.Global(st.partition, "iam", account, parsed.Resource) &&
		parsed.Type() == "role" {
		name = parsed.ID()
	}
	path, last := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		path, last = "/"+strings.TrimPrefix(name[:i+1], "/"), name[i+1:]
	}
	role, err := st.role(account, last)
	if err == nil && path != "" && role.Path != path {
		return nil, notFound("The role with name %.128s cannot be found.", name)
	}
	return role, err
}

func (s *Service) roleForService(a ServiceSession) (*Role, error) {
	st := s.state()
	role, err := st.roleNamed(a.Account, a.Role)
	if err != nil {
		return nil, err
	}
	r := &iam.Request{
		Principal: &iam.Principal{Kind: iam.Service, Name: a.Service}, Action: "sts:AssumeRole", Resource: role.ARN(),
		Account: a.Account, Time: s.now(), Keys: a.keys(st),
	}
	if d := iam.Evaluate(r, &iam.Policies{Resource: role.trust, ResourceDecides: true}); !d.Allow {
		return nil, fault.New(
			fault.Denied,
			"identity.AssumeForService",
			"%s may not assume the role %s: %s",
			a.Service,
			role.ARN(),
			d,
		)
	}
	return role, nil
}

// keys are the condition keys that keep a service from being used by another account.
func (a *ServiceSession) keys(st *state) func(key string) []string {
	return func(key string) []string {
		value := ""
		switch key {
		case "aws:sourceaccount":
			value = a.Account
		case "aws:sourcearn":
			value = a.Source
		case "aws:sourceorgid":
			value = st.organizationOf(a.Account).ID
		case "aws:sourceorgpaths":
			value = st.organizationOf(a.Account).Path
		case "aws:principalservicenameslist":
			value = a.Service
		}
		if value == "" {
			return nil
		}
		return []string{value}
	}
}

// AssumeForInstance starts the session that an instance gets through its instance profile. Errors are those of
// AssumeForService, and NotFound for a profile that is not there or holds no role.
func (s *Service) AssumeForInstance(ctx context.Context, i Instance, profile string) (AssumedRole, error) {
	p, err := s.InstanceProfile(i.Account, profile)
	if err != nil {
		return AssumedRole{}, err
	}
	if p.Role == "" {
		return AssumedRole{}, notFound("Instance Profile %s has no role.", p.Name)
	}
	return s.AssumeForService(ctx, ServiceSession{
		Account: i.Account, Role: p.Role, Service: "ec2.amazonaws.com", IssuedTo: i.ID, Source: i.ARN(),
		VPC: i.VPC, Address: i.Address, Duration: InstanceSession,
	})
}

// Instance names an EC2 instance, and says where it is.
type Instance struct {
	Account, Region, ID string
	// VPC and Address are those of its primary interface.
	VPC, Address string
}

// ARN is the instance's name in policies.
func (i Instance) ARN() string { return arn.New("ec2", i.Region, i.Account, "instance/"+i.ID).String() }

// IdentifyInstance makes the credentials of an instance's own identity, which every instance has, with or without
// instance profile.
func (s *Service) IdentifyInstance(_ context.Context, i Instance) (Credentials, error) {
	return s.issue(session{
		Account: i.Account, Name: i.ID, IssuedTo: i.ID, Instance: i.ARN(), VPC: i.VPC, Address: i.Address,
	}, InstanceSession)
}
