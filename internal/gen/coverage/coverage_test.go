package coverage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/api"
	"postern/aws/wire"
	"postern/internal/gen/coverage"
)

type private struct{ A string }

func TestMarkdown(t *testing.T) {
	h, err := api.New(api.Config{Now: time.Now, Services: []api.Service{
		{Name: "sts", Protocol: wire.Query, Operations: []api.Operation{
			api.Op("GetCallerIdentity", api.Everything,
				func(context.Context, *api.Call, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
					return nil, nil
				}, api.All),
		}},
		{Name: "ec2messages", Operations: []api.Operation{
			api.Op("GetMessages", api.Everything,
				func(context.Context, *api.Call, *private) (*private, error) { return nil, nil }, api.All),
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := string(coverage.Markdown(h.Services()))
	for _, want := range []string{
		"| [ec2messages](#ec2messages) | JSON 1.1 | 1 | 1 |\n| [sts](#sts) | AWS query | 1 | 11 |\n",
		"| GetCallerIdentity | `sts:GetCallerIdentity` | whoever policies allow |",
		"| GetMessages ¹ | `ec2messages:GetMessages` | whoever policies allow |",
		"Not built: 10</summary>\n\nAssumeRole, AssumeRoleWithSAML, ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}
