package agent_test

import (
	"testing"

	"postern/agent"
)

// TestAmazonEndpoint: the services of each partition are below its own DNS suffix.
func TestAmazonEndpoint(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":     "https://ssm.us-east-1.amazonaws.com",
		"us-gov-west-1": "https://ssm.us-gov-west-1.amazonaws.com",
		"cn-north-1":    "https://ssm.cn-north-1.amazonaws.com.cn",
		"us-iso-east-1": "https://ssm.us-iso-east-1.c2s.ic.gov",
		"us-isob-east1": "https://ssm.us-isob-east1.sc2s.sgov.gov",
		"eusc-de-east1": "https://ssm.eusc-de-east1.amazonaws.eu",
		"lab-1":         "https://ssm.lab-1.amazonaws.com",
	} {
		if got := agent.AmazonEndpoint("ssm", region); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}
