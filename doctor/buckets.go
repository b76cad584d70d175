package doctor

import (
	"fmt"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/buckets"
	"postern/aws/iam"
)

// uses returns what Amazon's buckets are wanted for.
func uses(of []Feature) (out []buckets.Use) {
	for _, f := range of {
		if u := buckets.Use(f.Name); u == buckets.AgentUpdate || u == buckets.Patch {
			out = append(out, u)
		}
	}
	return out
}

// buckets judges whether the node's role and the endpoint's policy let objects of Amazon's buckets come to it.
func (a *assessment) buckets() {
	if shortName(a.Service) != "s3" || len(a.uses) == 0 {
		return
	}
	if a.facts.RolesUnread != "" || len(a.facts.Roles) == 0 {
		a.check("role", Unknown, "whether it may read Amazon's buckets is not known: %s", a.facts.RolesUnread)
		return
	}
	role := &a.facts.Roles[0]
	policies, unreadable := role.compile()
	if len(unreadable) > 0 {
		a.check("role", Unknown, "policies of role %s cannot be read: %s", role.Name, strings.Join(unreadable, ", "))
		return
	}
	named, why, ok := a.refusedBuckets(role, policies)
	switch {
	case !ok:
		a.check("role", Unknown, "%s", why)
		return
	case len(named) > 0:
		a.find(a.bucketRole(role, named, why))
		return
	}
	a.check("role", Good, "role %s may read Amazon's buckets", role.Name)
	if policies.Endpoint = a.readEndpointPolicy(); policies.Endpoint == nil {
		return
	}
	switch named, why, ok = a.refusedBuckets(role, policies); {
	case !ok:
		a.check("policy", Unknown, "%s", why)
	case len(named) > 0:
		a.check("policy", Broken, "the policy of %s keeps objects of %s", a.endpoint, strings.Join(named, ", "))
		a.find(Finding{
			ID: "bucket/endpoint-policy", Resource: a.endpoint,
			Wrong: fmt.Sprintf("its policy does not let role %s s3:GetObject from %s: %s",
				role.Name, strings.Join(named, ", "), why),
			Remedy: "let the endpoint's policy allow s3:GetObject on " + strings.Join(a.objects(named), ", "),
		})
	default:
		a.check("policy", Good, "the policy of %s lets objects of Amazon's buckets through", a.endpoint)
	}
}

// refusedBuckets returns the buckets that the policies keep from a role, and why. ok is false where that hangs on what
// is not known: why says on what.
func (a *assessment) refusedBuckets(role *Role, policies *iam.Policies) (named []string, why string, ok bool) {
	for _, b := range buckets.Of(a.facts.Region) {
		if !slices.Contains(a.uses, b.Use) {
			continue
		}
		r := a.request(role, "s3:GetObject")
		r.Resource = bucketARN(a.facts.Region, b.Name) + "/" + b.Key
		d := iam.Evaluate(r, policies)
		switch {
		case d.Allow:
		case d.Unjudged != "":
			return nil, fmt.Sprintf("whether role %s may read %s hangs on the condition key %s, which is not known here",
				role.Name, b.Name, d.Unjudged), false
		default:
			named, why = append(named, b.Name), d.String()
		}
	}
	return named, why, true
}

func bucketARN(region, name string) string {
	return "arn:" + arn.Partition(region) + ":s3:::" + name
}

// objects returns the ARNs of all objects of buckets.
func (a *assessment) objects(named []string) (out []string) {
	for _, name := range named {
		out = append(out, bucketARN(a.facts.Region, name)+"/*")
	}
	return out
}

// bucketRole is the finding of a role that may not read buckets.
func (a *assessment) bucketRole(role *Role, named []string, why string) Finding {
	objects := a.objects(named)
	a.check("role", Broken, "role %s may not read %s", role.Name, strings.Join(named, ", "))
	return Finding{
		ID: "bucket/role", Resource: role.Name,
		Wrong: fmt.Sprintf("role %s (%s) may not s3:GetObject from %s: %s",
			role.Name, role.By, strings.Join(named, ", "), why),
		Remedy: fmt.Sprintf("let a policy of role %s allow s3:GetObject on %s", role.Name, strings.Join(objects, ", ")),
		Mend:   readObjects(role.Name, objects),
	}
}
