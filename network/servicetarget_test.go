package network

import (
	"testing"

	"postern/aws/scope"
)

// FuzzParseTarget: what is read as a target has that text as its only name.
func FuzzParseTarget(f *testing.F) {
	c := scope.Scope{Account: "000000000000", Region: "us-east-1"}
	const arn = "arn:aws:postern:us-east-1:000000000000:target/"
	for _, text := range []string{
		arn + "443/network-interface/eni-0123456789abcdef0/8443", arn + "1/host/127.0.0.1/65535/proxy-protocol-v2",
		arn + "1/host/::1/1",
		arn + "0/host/1.2.3.4/1", arn + "01/host/1.2.3.4/1", arn + "1/host/01.2.3.4/1", arn + "1/eni-1/1",
		"arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/a/b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := parseTarget(c, text)
		if err != nil {
			return
		}
		if target.Port == 0 || target.TargetPort == 0 || (target.Interface == "") == !target.Host.IsValid() ||
			target.ARN(c) != text {
			t.Errorf("%q is %+v, named %s", text, target, target.ARN(c))
		}
	})
}
