package api

import (
	"context"
	"slices"
)

// Forward is Allow for what another service does on the caller's behalf with its permissions: Route 53 Resolver,
// for one, makes an endpoint's network interfaces. AWS calls that a forward access session. service is the principal of
// the service that calls, such as "route53resolver.amazonaws.com": requests of it have aws:ViaAWSService true, come
// from no network of the caller's and through no VPC endpoint, whose policy is not asked.
func (c *Call) Forward(ctx context.Context, service, action, resource string, keys map[string][]string) error {
	if c.allow == nil {
		return nil
	}
	return c.allow(ctx, Question{Call: c, Action: action, Resource: resource, Via: service}, keys)
}

// PassRole asks whether the caller may give a role, an ARN, to a service, such as "ec2.amazonaws.com". resource is the
// ARN of what the service will use the role for; it ends with "*" where that is still to be made.
func (c *Call) PassRole(ctx context.Context, role, service, resource string) error {
	return c.Allow(ctx, "iam:PassRole", role, map[string][]string{
		"iam:PassedToService": {service}, "iam:AssociatedResourceArn": {resource},
	})
}

// networkKeys are the condition keys that tell where a request comes from.
var networkKeys = []string{
	"aws:sourceip", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce", "aws:vpceaccount", "aws:vpceorgid",
	"aws:vpceorgpaths", "aws:vpcsourceip",
}

// forwardedKey answers the keys that tell what a service does on the caller's behalf from what the caller does itself.
// aws:CalledVia and its like are not among them: of the services that set it (IAM User Guide, "AWS global condition
// context keys") none is built.
func (q *Question) forwardedKey(key string) (value string, is bool) {
	if q.Via == "" {
		return "false", key == "aws:viaawsservice"
	}
	switch key {
	case "aws:viaawsservice", "aws:securetransport":
		return "true", true
	case "aws:useragent":
		return q.Via, true
	case "aws:referer":
		return "", true
	}
	return "", slices.Contains(networkKeys, key)
}
