package network

import (
	"encoding/json"

	"postern/aws/fault"
)

func parsePolicy(text string) error {
	if !json.Valid([]byte(text)) {
		return refuse(fault.Invalid, "InvalidPolicyDocument", "The policy document is not valid JSON")
	}
	return nil
}
