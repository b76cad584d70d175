package query

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/service/ec2/types"
)

func Invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "ec2", format, args...).WithCode("InvalidParameterValue")
}

func Required(parameter string) error {
	return fault.New(fault.Missing, "ec2", "The request must contain the parameter %s", parameter).
		WithCode("MissingParameter")
}

func operationName(c *api.Call) string {
	if c.Operation == nil {
		return ""
	}
	return c.Operation.Name
}

// Unbuilt refuses what Postern does not do, naming it.
func Unbuilt(c *api.Call, what string) error {
	return fault.New(fault.NotImplemented, "ec2", "%s: %s is not implemented", operationName(c), what)
}

// Combination refuses a combination of parameters.
func Combination(format string, args ...any) error {
	return fault.New(fault.Invalid, "ec2", format, args...).WithCode("InvalidParameterCombination")
}

// Unsuccessful says of each of the ids why nothing was done with it.
func Unsuccessful(ids []string, failed map[string]error) []types.UnsuccessfulItem {
	var out []types.UnsuccessfulItem
	for _, id := range ids {
		if f := fault.Of(failed[id]); f != nil {
			out = append(out, types.UnsuccessfulItem{
				ResourceId: aws.String(
					id,
				), Error: &types.UnsuccessfulItemError{Code: aws.String(f.Code), Message: aws.String(f.Message)},
			})
		}
	}
	return out
}
