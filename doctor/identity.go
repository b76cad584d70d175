package doctor

import (
	"cmp"
	"fmt"
	"strings"

	"postern/aws/arn"
	"postern/aws/iam"
)

// needed are the actions without which a node does not appear or gets no commands, by the last label of the service.
var needed = map[string][]string{
	"ssm": {"ssm:UpdateInstanceInformation"},
	"ssmmessages": {
		"ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel",
		"ssmmessages:CreateDataChannel", "ssmmessages:OpenDataChannel",
	},
	"ec2messages": {"ec2messages:GetMessages", "ec2messages:AcknowledgeMessage", "ec2messages:SendReply"},
}

// corePolicy is Amazon's policy that has all of them.
func (f *Facts) corePolicy() string {
	return arn.Global(arn.Partition(f.Region), "iam", "aws", "policy/AmazonSSMManagedInstanceCore").String()
}

// identity judges whether one of the node's roles may do what the service asks of an agent, and whether the endpoint
// lets it.
func (a *assessment) identity() {
	actions := needed[shortName(a.Service)]
	if len(actions) == 0 || strings.HasPrefix(a.From, "eni-") {
		return
	}
	a.metadata()
	if len(a.facts.Roles) == 0 && a.facts.RolesUnread == "" {
		a.noRole()
		return
	}
	unknown := a.facts.RolesUnread
	var first *Finding
	for i := range a.facts.Roles {
		role := &a.facts.Roles[i]
		wrong, unjudged := a.role(role, actions)
		switch {
		case unjudged != "":
			unknown = cmp.Or(unknown, unjudged)
		case wrong == nil:
			a.check("role", Good, "%s (%s) may %s", role.Name, role.By, strings.Join(actions, ", "))
			a.endpointPolicy(role, actions)
			return
		case first == nil:
			first = wrong
		}
	}
	if unknown != "" { // one that cannot be judged may be good
		a.check("role", Unknown, "%s", unknown)
		return
	}
	a.check("role", Broken, "%s", first.Wrong)
	a.find(*first)
}

// metadata judges whether an instance's agent can ask who it is: its id, its region and its credentials all come from
// the instance metadata service. The hop limit keeps answers from containers only, so it is told and not found fault
// with.
func (a *assessment) metadata() {
	m := a.facts.Node.Metadata
	switch {
	case m == nil:
	case m.Off:
		f := Finding{
			ID: "node/metadata-off", Resource: a.From,
			Wrong:  "its instance metadata service is off, from which its agent learns who it is and gets its credentials",
			Remedy: "turn it on",
			Mend:   metadataOn(a.From),
		}
		a.check("metadata", Broken, "%s", f.Wrong)
		a.find(f)
	case m.HopLimit == 1:
		a.check("metadata", Good, "the instance metadata service is on; its answers make one hop: to an agent on the "+
			"instance, not to one in a container there")
	default:
		a.check("metadata", Good, "the instance metadata service is on")
	}
}

func (a *assessment) noRole() {
	f := Finding{ID: "role/missing", Resource: a.From}
	if strings.HasPrefix(a.From, "mi-") {
		f.Wrong = "it has no service role"
		f.Remedy = "give it one with " + a.facts.corePolicy() + " (aws ssm update-managed-instance-role)"
	} else {
		f.Wrong = "it has no instance profile, and default host management is off, so its agent has no credentials"
		f.Remedy = "associate an instance profile whose role has " + a.facts.corePolicy() +
			" (aws ec2 associate-iam-instance-profile)"
	}
	a.check("role", Broken, "%s", f.Wrong)
	a.find(f)
}

// role returns what keeps a role from being of use: that its service may not assume it, or an action that it may not
// do. unknown tells why that cannot be judged. A role of use gives nil and "".
func (a *assessment) role(role *Role, actions []string) (wrong *Finding, unknown string) {
	if wrong, unknown := a.trust(role); wrong != nil || unknown != "" {
		return wrong, unknown
	}
	policies, unreadable := role.compile()
	var refused []string
	var decision iam.Decision
	for _, action := range actions {
		d := iam.Evaluate(a.request(role, action), policies)
		if d.Allow {
			continue
		}
		if d.Unjudged != "" {
			unknown = fmt.Sprintf("whether role %s may %s hangs on the condition key %s, which is not known here",
				role.Name, action, d.Unjudged)
			continue
		}
		if len(refused) == 0 || d.Reason == iam.ExplicitDeny {
			decision = d
		}
		refused = append(refused, action)
	}
	// What cannot be read may allow and deny anything, but not lift a deny that can be read.
	if len(unreadable) > 0 && !(len(refused) > 0 && decision.Reason == iam.ExplicitDeny) {
		return nil, fmt.Sprintf("policies of role %s cannot be read: %s", role.Name, strings.Join(unreadable, ", "))
	}
	if len(refused) == 0 {
		return nil, unknown
	}
	wrong = &Finding{
		ID: "role/not-allowed", Resource: role.Name,
		Wrong:  fmt.Sprintf("role %s (%s) may not %s: %s", role.Name, role.By, strings.Join(refused, ", "), decision),
		Remedy: fmt.Sprintf("attach AmazonSSMManagedInstanceCore to role %s", role.Name),
		Mend:   attachPolicy(role.Name, a.facts.corePolicy()),
	}
	switch decision.Reason {
	case iam.ExplicitDeny:
		wrong.ID = "role/denied"
		wrong.Remedy = fmt.Sprintf("take the deny out of policy %s", decision.Policy)
		wrong.Mend = Mend{}
	case iam.BoundarySilent:
		wrong.ID = "role/boundary"
		wrong.Remedy = fmt.Sprintf("let the permissions boundary %s allow it too", role.Boundary.Name)
		wrong.Mend = Mend{}
	}
	return wrong, ""
}

// trust judges whether the service that gives the role to the node may assume it; unknown says why it cannot.
func (a *assessment) trust(role *Role) (wrong *Finding, unknown string) {
	wrong = &Finding{
		ID: "role/not-trusted", Resource: role.Name,
		Wrong:  fmt.Sprintf("the trust policy of role %s does not let %s assume it", role.Name, role.Service),
		Remedy: fmt.Sprintf("let the trust policy of role %s allow sts:AssumeRole to %s", role.Name, role.Service),
	}
	p, err := iam.Parse(iam.Trust, role.Name, role.Trust)
	if err != nil {
		return nil, fmt.Sprintf("the trust policy of role %s cannot be read: %v", role.Name, err)
	}
	keys := map[string][]string{
		"aws:SourceAccount": {a.facts.Account}, "aws:PrincipalServiceNamesList": {role.Service},
	}
	d := iam.Evaluate(&iam.Request{
		Principal: &iam.Principal{Kind: iam.Service, Name: role.Service}, Action: "sts:AssumeRole", Resource: role.ARN,
		Account: account(role.ARN), Time: a.facts.At,
		Keys: iam.KeyMap(keys), Judged: judged(keys),
	}, &iam.Policies{Resource: p, ResourceDecides: true})
	switch {
	case d.Allow:
		return nil, ""
	case d.Unjudged != "":
		return nil, fmt.Sprintf("whether %s may assume role %s hangs on the condition key %s, which is not known here",
			role.Service, role.Name, d.Unjudged)
	}
	return wrong, ""
}

// judged tells the keys that are known: those of the map and those that follow from who is asking. Others, such as the
// tags of a role, are not read.
func judged(keys map[string][]string) func(key string) bool {
	known := map[string]bool{
		"aws:principalarn": true, "aws:principalaccount": true, "aws:principaltype": true,
		"aws:principalisawsservice": true, "aws:principalservicename": true, "aws:username": true,
		"aws:multifactorauthpresent": true, "aws:viaawsservice": true, "aws:currenttime": true,
		"aws:epochtime": true, "ec2:sourceinstancearn": true,
	}
	for key := range keys {
		known[strings.ToLower(key)] = true
	}
	return func(key string) bool { return known[key] }
}

func account(roleARN string) string {
	parsed, err := arn.Parse(roleARN)
	if err != nil {
		return ""
	}
	return parsed.Account
}

// compile returns the role's policies, for the caller to add to. What cannot be read is named.
func (r *Role) compile() (*iam.Policies, []string) {
	if r.compiled == nil {
		return r.parse()
	}
	shared, unreadable := r.compiled()
	policies := *shared
	return &policies, unreadable
}

// parse reads the role's policies. What cannot be read is named.
func (r *Role) parse() (policies *iam.Policies, unreadable []string) {
	policies = &iam.Policies{}
	for _, d := range r.Policies {
		p, err := iam.Parse(iam.Identity, d.Name, d.JSON)
		if err != nil {
			unreadable = append(unreadable, d.Name)
			continue
		}
		policies.Identity = append(policies.Identity, p)
	}
	if r.Boundary != nil {
		p, err := iam.Parse(iam.Boundary, r.Boundary.Name, r.Boundary.JSON)
		if err != nil {
			return policies, append(unreadable, r.Boundary.Name)
		}
		policies.Boundary = p
	}
	return policies, unreadable
}

// request returns the agent's call as the policies see it.
func (a *assessment) request(role *Role, action string) *iam.Request {
	resource, kind, service := "*", "instance", "ec2"
	if strings.HasPrefix(a.From, "mi-") {
		kind, service = "managed-instance", "ssm"
	}
	node := arn.New(service, a.facts.Region, a.facts.Account, kind+"/"+a.From).String()
	if strings.HasPrefix(action, "ssm:") {
		resource = node
	}
	keys := map[string][]string{
		"aws:SecureTransport": {"true"}, "ssm:SourceInstanceARN": {node}, "aws:ViaAWSService": {"false"},
		"aws:RequestedRegion": {a.facts.Region}, "aws:ResourceAccount": {a.facts.Account},
	}
	if a.endpoint != "" && (a.target.private || a.uses != nil) { // a gateway endpoint's addresses are public
		a.throughEndpoint(keys)
	}
	owner := cmp.Or(account(role.ARN), a.facts.Account)
	name := role.Name
	return &iam.Request{
		Principal: &iam.Principal{
			Kind: iam.AssumedRole, Account: owner, Role: role.ARN, SourceInstance: node,
			SourceVPC: a.nic.VPC, SourceAddress: a.Address,
			ARN: arn.Global(arn.Partition(a.facts.Region), "sts", owner, "assumed-role/"+name+"/"+a.From).String(),
		},
		Action: action, Resource: resource, Account: a.facts.Account, Time: a.facts.At, Keys: iam.KeyMap(keys),
		Judged: judged(keys),
	}
}

// throughEndpoint adds the keys of a request that comes through the endpoint.
func (a *assessment) throughEndpoint(keys map[string][]string) {
	keys["aws:SourceIp"] = nil // known to be absent
	keys["aws:SourceVpc"], keys["aws:SourceVpce"] = []string{a.nic.VPC}, []string{a.endpoint}
	keys["aws:VpcSourceIp"] = []string{a.Address}
}

// policyOfEndpoint returns the endpoint's policy, nil where it has none or it cannot be read.
func (a *assessment) policyOfEndpoint() (p *iam.Policy, readable bool) {
	text := a.facts.EndpointPolicies[a.endpoint]
	if text == "" {
		return nil, true
	}
	p, err := iam.Parse(iam.Endpoint, a.endpoint, text)
	if err != nil {
		return nil, false
	}
	return p, true
}

// readEndpointPolicy is policyOfEndpoint, and says where the policy cannot be read.
func (a *assessment) readEndpointPolicy() *iam.Policy {
	p, readable := a.policyOfEndpoint()
	if !readable {
		a.check("policy", Unknown, "the policy of %s cannot be read", a.endpoint)
		return nil
	}
	return p
}

// endpointPolicy judges whether the endpoint lets the role do what its own policies allow. It can only take away.
func (a *assessment) endpointPolicy(role *Role, actions []string) {
	p := a.readEndpointPolicy()
	if p == nil {
		return
	}
	policies, _ := role.compile()
	policies.Endpoint = p
	for _, action := range actions {
		d := iam.Evaluate(a.request(role, action), policies)
		if !d.Allow && d.Unjudged != "" {
			a.check("policy", Unknown,
				"whether the policy of %s lets %s %s hangs on the condition key %s, which is not known here",
				a.endpoint, role.Name, action, d.Unjudged)
			return
		}
		if !d.Allow {
			a.check("policy", Broken, "the policy of %s does not let %s %s", a.endpoint, role.Name, action)
			a.find(Finding{
				ID: "endpoint/policy", Resource: a.endpoint,
				Wrong:  fmt.Sprintf("its policy does not let role %s %s: %s", role.Name, action, d),
				Remedy: "let the endpoint's policy allow " + strings.Join(actions, ", "),
			})
			return
		}
	}
	a.check("policy", Good, "the policy of %s lets it", a.endpoint)
}
