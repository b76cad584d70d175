package ssm

import (
	"context"
	"strings"

	"postern/aws/arn"
	"postern/aws/consent"
)

// Consented are records whose changes need the consent of whoever a request's context names; see aws/consent.
func Consented(r Records) Records { return consented{r} }

type consented struct{ Records }

// Update implements Records.
func (c consented) Update(ctx context.Context, keys []Key, change func([]Record) ([]Change, error)) error {
	return consent.Retry(ctx, func() error {
		return c.Records.Update(ctx, keys, func(found []Record) ([]Change, error) {
			changes, err := change(found)
			if err == nil {
				err = consent.Check(ctx, func() []consent.Touch { return touched(changes) })
			}
			if err != nil {
				return nil, err
			}
			return changes, nil
		})
	})
}

func touched(changes []Change) []consent.Touch {
	var out []consent.Touch
	for i := range changes {
		if name := changes[i].resource(); name != "" {
			out = append(out, consent.Touch{Resource: name})
		}
	}
	return out
}

// resource is the ARN of what a record is of, "" for what policies do not name. A change that deletes has no more than the
// record's id: that of a node is its own, the others' are "ACCOUNT/REGION/NAME".
func (r *Record) resource() string {
	if r.Kind == KindNode {
		if strings.HasPrefix(r.ID, "i-") {
			return arn.New("ec2", r.Scope.Region, r.Scope.Account, "instance/"+r.ID).String()
		}
		return arn.New("ssm", r.Scope.Region, r.Scope.Account, "managed-instance/"+r.ID).String()
	}
	parts := strings.SplitN(r.ID, "/", 3)
	if len(parts) < 3 {
		return ""
	}
	var kind string
	name := parts[2]
	switch r.Kind {
	case KindDocument:
		kind = "document"
	case KindSetting:
		kind = "servicesetting"
	case KindParameter:
		kind = "parameter"
	case KindParameterVersion:
		kind, name = "parameter", name[:strings.LastIndexByte(name, ':')]
	default:
		return ""
	}
	return arn.New("ssm", parts[1], parts[0], kind+"/"+name).String()
}
