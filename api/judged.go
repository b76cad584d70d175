package api

import (
	"slices"
	"strings"

	"postern/aws/iam"
)

// Condition keys that Postern tells of every request: their value, or that the request has none. A key that stands in no
// list here may have a value on AWS that Postern does not know, such as a resource's tag: a statement is then not taken to
// allow, and one that denies is taken to deny.
var (
	// globalKeys follow from the caller, the time and the connection, or belong to what Postern does not have: organizations,
	// MFA, federation, calls on behalf of others. A name that ends with a slash is a family.
	globalKeys = []string{
		"principalarn", "principalaccount", "principaltype", "principalisawsservice", "principalservicename", "principaltag/", "userid",
		"username", "sourceidentity", "tokenissuetime", "currenttime", "epochtime",
		"ec2instancesourcevpc", "ec2instancesourceprivateipv4", "securetransport", "requestedregion", "useragent", "viaawsservice", "resourceaccount",
		"sourceip", "sourcevpc", "sourcevpce", "sourcevpcarn", "vpcsourceip", "vpceaccount",
		"principalorgid", "principalorgpaths", "resourceorgid", "resourceorgpaths", "sourceorgid", "sourceorgpaths", "vpceorgid", "vpceorgpaths",
		"multifactorauthpresent", "multifactorauthage", "federatedprovider", "calledvia", "calledviafirst", "calledvialast",
		"sourceaccount", "sourcearn", "assumedroot", "referer",
	}
	// ownKeys are those of a service's own actions, which its operations tell.
	ownKeys = map[string][]string{
		"iam": {"passedtoservice", "permissionsboundary", "policyarn", "resourcetag/"},
		"sts": {"externalid", "rolesessionname", "sourceidentity", "transitivetagkeys"},
		"ssm": {"overwrite", "recursive", "policies", "nodeaccountid", "nodeorgid", "sourceinstancearn"},
		"ec2": {"sourceinstancearn"},
	}
)

func among(keys []string, name string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		return name == key || strings.HasSuffix(key, "/") && strings.HasPrefix(name, key)
	})
}

// judged reports whether Postern knows if a request for an action has a condition key, given in lower case. own are the
// keys that the operation tells.
func (op *Operation) judged(action string, own map[string][]string) func(key string) bool {
	acting, _, _ := strings.Cut(action, ":")
	return func(key string) bool {
		service, name, _ := strings.Cut(key, ":")
		switch {
		case iam.Ambiguous(own, key):
			return false
		case service == "aws" && (name == "tagkeys" || strings.HasPrefix(name, "requesttag/")):
			return op.keys != nil || !op.tags
		case service == "aws" && strings.HasPrefix(name, "resourcetag/"):
			return acting == "iam"
		case service == "aws":
			return among(globalKeys, name)
		}
		// Requests have the keys of the action's own service, and no others.
		return service != acting || among(ownKeys[service], name)
	}
}
