package iam

import "time"

// PrincipalKind is the sort of a caller.
type PrincipalKind uint8

// The kinds of caller. The zero kind is somebody who did not sign.
const (
	Anonymous     PrincipalKind = iota
	Root                        // an account's root user
	User                        // an IAM user
	AssumedRole                 // a session of a role
	FederatedUser               // a session of GetFederationToken
	Service                     // an AWS service that acts for itself, such as ec2.amazonaws.com assuming a role
)

// String returns the kind as the condition key aws:PrincipalType has it.
func (k PrincipalKind) String() string {
	switch k {
	case Root:
		return "Account"
	case User:
		return "User"
	case AssumedRole:
		return "AssumedRole"
	case FederatedUser:
		return "FederatedUser"
	case Service:
		return "Service"
	}
	return "Anonymous"
}

// Principal is a caller, as policies see it.
type Principal struct {
	Kind PrincipalKind
	// ARN names the caller: arn:aws:iam::A:root, arn:aws:iam::A:user/PATH/NAME, arn:aws:sts::A:assumed-role/ROLE/SESSION.
	// Empty for a Service and for Anonymous.
	ARN string
	// Account is the twelve-digit account that the caller belongs to; empty for a Service and for Anonymous.
	Account string
	// UserID is the unique id: the account for Root, "AIDA…", "AROA…:SESSION".
	UserID string
	// Name is a user's name, or a Service's principal name such as "ec2.amazonaws.com".
	Name string
	// Role is the ARN of the role that an AssumedRole is a session of: arn:aws:iam::A:role/PATH/NAME.
	Role string
	// User is the ARN of the user, or of the root user, whose federation token a FederatedUser is.
	User string
	// ServiceLinked is set for sessions of service-linked roles, which service control policies do not limit.
	ServiceLinked bool
	// Tags are the principal's own tags and those of its session, by key in lower case: case does not tell keys apart.
	Tags map[string]string
	// Transitive holds the session's tags that go on into sessions of roles that it assumes, by key as given.
	Transitive map[string]string
	// Issued holds the time at which temporary credentials were issued; zero for others.
	Issued time.Time
	// SourceIdentity is the name that a session of a role was started under, if one was given.
	SourceIdentity string
	// SourceInstance is the ARN of the EC2 instance that a session was made for, if any.
	SourceInstance string
	// SourceVPC and SourceAddress are the VPC and the primary private IPv4 address that the instance had then.
	SourceVPC, SourceAddress string
}

// levels returns the names under which a policy can list the caller, from the widest: account, role, session.
func (p *Principal) levels() []string {
	switch p.Kind {
	case Root:
		return []string{p.Account}
	case User:
		return []string{p.Account, p.ARN}
	case FederatedUser:
		return []string{p.Account, p.User, p.ARN}
	case AssumedRole:
		return []string{p.Account, p.Role, p.ARN}
	case Service:
		return []string{p.Name}
	}
	return nil
}

// grant grades how closely a policy that belongs to a resource names the caller.
type grant uint8

const (
	grantNone grant = iota
	// grantAccount names the caller's account: it leaves the decision to that account's own policies.
	grantAccount
	// grantLimited names the caller's role, the user who federated it, or everybody. Boundary and session policy still
	// limit it.
	grantLimited
	// grantDirect names the user, session or service itself.
	grantDirect
)

// principals is a Principal or NotPrincipal element.
type principals struct {
	any      bool
	accounts []string
	roots    []string // accounts that stand for their root users alone
	arns     []string
	services []string
	// others are federated providers and canonical users: kept, and matched by nobody here.
	others []string
}

// names returns how closely the element names the caller.
func (p *principals) names(c *Principal) grant {
	best := grantNone
	for _, a := range p.accounts {
		if c.Account == a && c.Kind != Anonymous && c.Kind != Service {
			best = grantAccount
		}
	}
	if p.any {
		best = grantLimited
	}
	for _, a := range p.roots {
		if c.Kind == Root && a == c.Account {
			best = grantLimited
		}
	}
	for _, a := range p.arns {
		switch {
		case a == c.ARN:
			return grantDirect
		case a == c.Role && c.Kind == AssumedRole, a == c.User && c.Kind == FederatedUser:
			best = grantLimited
		}
	}
	for _, s := range p.services {
		if c.Kind == Service && s == c.Name {
			return grantDirect
		}
	}
	return best
}

// lists counts under how many of its levels the element lists the caller.
func (p *principals) lists(c *Principal) (listed, levels int) {
	names := c.levels()
	for _, name := range names {
		if p.any || contains(p.accounts, name) || contains(p.arns, name) || contains(p.services, name) ||
			c.Kind == Root && contains(p.roots, name) {
			listed++
		}
	}
	if len(names) == 0 { // nobody has no level to be listed under
		if p.any {
			listed = 1
		}
		return listed, 1
	}
	return listed, len(names)
}

// excepts returns how a NotPrincipal element applies to the caller. Where a list names some but not all of account,
// role and session, the answer is the one that allows less: a Deny applies, an Allow does not (IAM User Guide, "AWS
// JSON policy elements: NotPrincipal"). A Deny applies to everybody who has a permissions boundary, listed or not.
func (p *principals) excepts(c *Principal, deny, bounded bool) grant {
	if deny && bounded {
		return grantLimited
	}
	listed, levels := p.lists(c)
	if deny && listed < levels || !deny && listed == 0 {
		return grantLimited
	}
	return grantNone
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
