package doctor

import (
	"slices"
	"strings"

	"postern/aws/fault"
)

// A Feature is something that people use Systems Manager for, beyond that a node is managed and runs commands.
type Feature struct {
	Name string
	// Services lists those that a node has to reach for it, by their short names.
	Services []string
	// Without says what does not work where they are not reached.
	Without string
}

// features are all that can be asked for (AWS Systems Manager User Guide, "VPC endpoints for Systems Manager").
var features = []Feature{
	{"session-manager", []string{"ssmmessages"}, "sessions do not open"},
	{"parameters", []string{"ssm"}, "commands and scripts read no parameters"},
	{"agent-update", []string{"s3"}, "the agent is not updated"},
	{"patch", []string{"s3"}, "patch commands fail: the code and the snapshots of baselines come from S3"},
	{"s3-output", []string{"s3"}, "output and scripts do not come into and out of buckets"},
	{"kms", []string{"kms"}, "sessions with encryption do not open, and SecureString parameters are not read"},
	{"logs", []string{"logs"}, "nothing comes into CloudWatch Logs, and the agent waits for it before each prompt"},
	{"vss", []string{"ec2"}, "consistent snapshots fail: the node cannot list its volumes"},
}

// optional are the services that some features need and a node does not, in the order of reports.
var optional = []string{"s3", "kms", "logs", "ec2"}

// Features returns all features.
func Features() []Feature { return slices.Clone(features) }

// ParseFeatures returns the features with the names. It fails with Invalid for another name.
func ParseFeatures(names []string) (out []Feature, err error) {
	for _, name := range names {
		i := slices.IndexFunc(features, func(f Feature) bool { return f.Name == name })
		if i < 0 {
			var all []string
			for _, f := range features {
				all = append(all, f.Name)
			}
			return nil, fault.New(fault.Invalid, "doctor.ParseFeatures", "there is no feature %q: give some of %s",
				name, strings.Join(all, ", "))
		}
		out = append(out, features[i])
	}
	return out, nil
}

// AssessFeatures is AssessAll, and looks at what features need in addition. What none of them needs is told where it is
// there and does not work, or is not there.
func AssessFeatures(f Facts, wanted []Feature) (Report, error) {
	r, err := assessNode(f, wanted)
	if err != nil || !r.onNetwork() {
		return r, err
	}
	for _, service := range optional {
		other, err := assess(f, "com.amazonaws."+f.Region+"."+service, uses(wanted))
		if err != nil {
			return r, err
		}
		needs := without(wanted, service)
		switch {
		case needs != "" && other.Works:
			r.take(&other, other.outcome(), "reached")
		case needs != "":
			r.take(&other, Broken, needs)
		case other.Works:
			r.take(&other, other.outcome(), "reached")
		case r.misses(&other):
			r.says(service, Unknown, "no endpoint; without it "+without(features, service))
		default:
			r.take(&other, Degraded, "there is an endpoint, and it is not reached: "+without(features, service))
		}
	}
	r.Works = !r.broken()
	return r, nil
}

// misses reports whether nothing but an endpoint is missing for the service, beside what was found before.
func (r *Report) misses(other *Report) bool {
	missing := false
	for _, f := range other.Findings {
		known := slices.ContainsFunc(r.Findings,
			func(old Finding) bool { return old.ID == f.ID && old.Resource == f.Resource })
		switch {
		case f.ID == "endpoint/missing":
			missing = true
		case !known:
			return false
		}
	}
	return missing
}

// without says what does not work without a service, of the features that are given.
func without(of []Feature, service string) string {
	var says []string
	for _, f := range of {
		if slices.Contains(f.Services, service) {
			says = append(says, f.Without)
		}
	}
	return strings.Join(says, "; ")
}
