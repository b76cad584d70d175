package ssm

import (
	"context"
	"strings"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/record"
)

// Consented returns r with its changes made to need the consent of the Giver in the request's context; see aws/consent.
func Consented(r record.Finder) record.Finder { return consented{r} }

type consented struct{ record.Finder }

// Update implements record.Finder.
func (c consented) Update(
	ctx context.Context,
	keys []record.Key,
	change func([]record.Record) ([]record.Change, error),
) error {
	return consent.Retry(ctx, func() error {
		return c.Finder.Update(ctx, keys, func(found []record.Record) ([]record.Change, error) {
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

func touched(changes []record.Change) []consent.Touch {
	var out []consent.Touch
	for i := range changes {
		if name := resource(changes[i].Record); name != "" {
			out = append(out, consent.Touch{Resource: name})
		}
	}
	return out
}

// resource returns the ARN of the resource that a record belongs to, "" for records that policies do not name. A change
// that deletes has no more than the record's id: a node's is its own, the others' are "ACCOUNT/REGION/NAME".
func resource(r record.Record) string {
	if r.Kind == KindNode {
		in := ScopeOf(r)
		if strings.HasPrefix(r.ID, "i-") {
			return arn.New("ec2", in.Region, in.Account, "instance/"+r.ID).String()
		}
		return arn.New("ssm", in.Region, in.Account, "managed-instance/"+r.ID).String()
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
