package s3

import (
	"net/http"
	"strings"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/sigv2"
	"postern/aws/sigv4"
)

// claims finds the signature of a URL in the older version.
func claims(c *api.Call, r *http.Request) (*api.Claim, error) {
	s, err := sigv2.Parse(r)
	if s == nil || err != nil {
		return nil, err
	}
	return &api.Claim{AccessKey: s.AccessKey, Token: s.Token, Verify: func(secret string) error {
		return s.Verify(r, c.VirtualHost, secret, c.Time)
	}}, nil
}

// formClaim finds who signed the policy of a form, in either version; nil where there is no policy and no signature.
func formClaim(c *api.Call, fields map[string]string) (*api.Claim, error) {
	policy := fields["policy"]
	if _, older := fields["awsaccesskeyid"]; older {
		if err := needFields(fields, "signature", "policy"); err != nil {
			return nil, err
		}
		return &api.Claim{
			AccessKey: fields["awsaccesskeyid"], Token: fields["x-amz-security-token"],
			Verify: func(secret string) error { return sigv2.VerifyPolicy(policy, fields["signature"], secret) },
		}, nil
	}
	signature := []string{"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}
	signed := policy != ""
	for _, name := range signature {
		_, has := fields[name]
		signed = signed || has
	}
	if !signed {
		return nil, nil
	}
	if err := needFields(fields, append(signature, "policy")...); err != nil {
		return nil, err
	}
	s, err := sigv4.ParsePolicy(sigv4.PolicyFields{
		Algorithm: fields["x-amz-algorithm"], Credential: fields["x-amz-credential"], Date: fields["x-amz-date"],
		Token: fields["x-amz-security-token"], Signature: fields["x-amz-signature"],
	})
	if err != nil {
		return nil, invalid("InvalidArgument", "%s", fault.Of(err).Message)
	}
	if s.Scope.Service != "s3" || s.Scope.Region != c.Region {
		return nil, invalid("InvalidArgument", "Error parsing the x-amz-credential field; it has to be for s3 in the region "+
			"'%s', and is for %.40s in '%.40s'", c.Region, s.Scope.Service, s.Scope.Region).With("Region", c.Region)
	}
	return &api.Claim{AccessKey: s.AccessKey, Token: s.Token, Verify: func(secret string) error {
		return s.VerifyPolicy(policy, secret)
	}}, nil
}

// needFields refuses a form without a field.
func needFields(fields map[string]string, names ...string) error {
	for _, name := range names {
		if strings.TrimSpace(fields[name]) == "" {
			return invalid("InvalidArgument", "Bucket POST must contain a field named '%s'.  If it is specified, please "+
				"check the order of the fields.", name).With("ArgumentName", name)
		}
	}
	return nil
}
