package parameter

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Data types of a String. The second is the id of a machine image that exists.
const (
	plain       = "text"
	image       = "aws:ec2:image"
	integration = "aws:ssm:integration" // with another service
)

var (
	// nested matches what would be a reference in a value; Amazon resolves none.
	nested  = regexp.MustCompile(`(?s)\{\{.*\}\}`)
	imageID = regexp.MustCompile(`^ami-[0-9a-f]{8,17}$`)
)

// NewVersion has the members of a request for a parameter or its next version. A member that is nil or empty stays as
// it was, or takes Amazon's default in a first version.
type NewVersion struct {
	Name  string
	Value string
	Type  Type
	// Overwrite makes a next version of a parameter that is there; without it that is an error.
	Overwrite      bool
	Description    *string
	AllowedPattern *string
	DataType       string
	Tier           Tier
	Tags           map[string]string
	// By is the ARN of who makes it.
	By string
}

// Put makes a parameter, or with Overwrite its next version. When it returns, the version is durable.
func (s *Service) Put(ctx context.Context, scope scope.Scope, n NewVersion, now time.Time) (Parameter, error) {
	n.Name = strings.TrimSpace(n.Name)
	if err := n.check(scope); err != nil {
		return Parameter{}, err
	}
	var out Parameter
	keys := []record.Key{headKey(scope, n.Name), countKey(scope)}
	err := s.config.Records.Update(ctx, keys, func(found []record.Record) ([]record.Change, error) {
		h, count, err := readBoth(found)
		if err != nil {
			return nil, err
		}
		var changes []record.Change
		if h == nil {
			h, changes, err = s.create(scope, n, count, now)
		} else {
			changes, err = s.overwrite(h, n, now)
		}
		if err != nil {
			return nil, err
		}
		out = h.view(h.Latest, "")
		return append(changes, record.Change{Record: h.record()}), nil
	})
	return out, err
}

func (n *NewVersion) check(scope scope.Scope) error {
	if err := CheckName(scope, n.Name); err != nil {
		return err
	}
	switch n.Type {
	case "", String, StringList:
	case SecureString:
		return fault.New(
			fault.NotImplemented,
			"parameter.Put",
			"Postern does not implement parameters of type SecureString: there is no key service to "+
				"encrypt them with, and they are not stored otherwise",
		)
	default:
		return refuse("UnsupportedParameterType", "Type %q is not one of String, StringList, SecureString", n.Type)
	}
	switch n.Tier {
	case "", Standard, Advanced, Intelligent:
	default:
		return invalid("Tier %q is not one of Standard, Advanced, Intelligent-Tiering", n.Tier)
	}
	switch n.DataType {
	case "", plain, image:
	case integration:
		return fault.New(fault.NotImplemented, "parameter.Put", "Postern does not implement the data type %s", n.DataType)
	default:
		return invalid("DataType %q is not one of text, aws:ec2:image, aws:ssm:integration", n.DataType)
	}
	switch {
	case n.Value == "":
		return invalid("Value is empty")
	case nested.MatchString(n.Value):
		return invalid("Value holds {{ }}: a parameter cannot refer to another")
	case n.Overwrite && len(n.Tags) > 0:
		return invalid(
			"Tags and Overwrite cannot both be given; tags of a parameter that is there are set with AddTagsToResource",
		)
	case n.Description != nil && utf8.RuneCountInString(*n.Description) > maxDescription:
		return invalid("Description has more than %d characters", maxDescription)
	}
	return ssm.CheckTags(n.Tags)
}

// create makes the first version.
func (s *Service) create(scope scope.Scope, n NewVersion, count int, now time.Time) (*head, []record.Change, error) {
	switch {
	case n.Type == "":
		return nil, nil, invalid("Type must be given for a new parameter")
	case count >= maxParameters:
		return nil, nil, fault.New(fault.Limit, "parameter.Put", "there are %d parameters in %s", count, scope.Region).
			WithCode("ParameterLimitExceeded")
	}
	h := &head{Name: n.Name, Scope: scope, Oldest: 1, Tags: n.Tags}
	latest, err := s.next(h, n, now)
	h.Latest = latest
	return h, []record.Change{{Record: countRecord(scope, count+1)}}, err
}

// overwrite makes the next version, and lets the oldest go where there are too many. Its type may be another, as the
// Terraform provider's own tests on AWS show.
func (s *Service) overwrite(h *head, n NewVersion, now time.Time) ([]record.Change, error) {
	if !n.Overwrite {
		return nil, fault.New(fault.Exists, "parameter.Put",
			"The parameter already exists. To overwrite this value, set the overwrite option in the request to true. "+
				"It is %s.", h.Name).
			WithCode("ParameterAlreadyExists")
	}
	latest, err := s.next(h, n, now)
	if err != nil {
		return nil, err
	}
	k := h.versionKey(h.Latest.Number)
	changes := []record.Change{{Record: encode(k, h.Scope, h.Latest)}}
	h.Latest = latest
	if latest.Number-h.Oldest < MaxVersions {
		return changes, nil
	}
	if labels := h.labelsOf(h.Oldest); len(labels) > 0 {
		return nil, fault.New(fault.Limit, "parameter.Put", "version %d, the oldest of %s, would have to go and has the "+
			"label %s; move the label to another version",
			h.Oldest, h.Name, strings.Join(labels, ", ")).
			WithCode("ParameterMaxVersionLimitExceeded")
	}
	changes = append(changes, h.dropVersion(h.Oldest))
	h.Oldest++
	return changes, nil
}

func (h *head) dropVersion(number int64) record.Change {
	k := h.versionKey(number)
	return record.Change{Record: record.Record{Key: k}, Delete: true}
}

// next returns the version after the latest.
func (s *Service) next(h *head, n NewVersion, now time.Time) (Version, error) {
	v := h.Latest
	v.Number, v.Value, v.Modified, v.By = v.Number+1, n.Value, now.UTC(), n.By
	if n.Type != "" {
		v.Type = n.Type
	}
	if n.Description != nil {
		v.Description = *n.Description
	}
	if n.AllowedPattern != nil {
		v.AllowedPattern = *n.AllowedPattern
	}
	if n.DataType != "" || v.DataType == "" {
		v.DataType = cmp.Or(n.DataType, plain)
	}
	if err := v.checkTier(n.Tier); err != nil {
		return v, err
	}
	return v, s.checkValue(h.Scope, v)
}

// checkTier sets the tier. One that is advanced never becomes standard again.
func (v *Version) checkTier(asked Tier) error {
	advanced := v.Tier == Advanced
	switch {
	case asked == Standard && advanced:
		return invalid("the parameter is advanced and cannot become standard: delete it and make it anew")
	case asked == Advanced || asked == Intelligent && len(v.Value) > maxStandard:
		v.Tier = Advanced
	case !advanced:
		v.Tier = Standard
	}
	limit, hint := maxStandard, "; one of tier Advanced may have 8192"
	if v.Tier == Advanced {
		limit, hint = maxAdvanced, ""
	}
	if len(v.Value) > limit {
		return invalid("Value has %d bytes; one of tier %s may have %d%s", len(v.Value), v.Tier, limit, hint)
	}
	return nil
}

// checkValue holds a version's value against its own pattern and data type.
func (s *Service) checkValue(scope scope.Scope, v Version) error {
	if utf8.RuneCountInString(v.AllowedPattern) > maxPattern {
		return refuse("InvalidAllowedPatternException", "AllowedPattern has more than %d characters", maxPattern)
	}
	pattern, err := regexp.Compile(v.AllowedPattern)
	switch {
	case err != nil:
		return refuse(
			"InvalidAllowedPatternException",
			"AllowedPattern %q is no regular expression (RE2): %v",
			v.AllowedPattern,
			err,
		)
	case !pattern.MatchString(v.Value):
		return refuse(
			"ParameterPatternMismatchException",
			"the value does not match the allowed pattern %s",
			v.AllowedPattern,
		)
	case v.DataType != image:
		return nil
	case v.Type != String:
		return invalid("DataType %s is for parameters of type String", image)
	case !imageID.MatchString(v.Value) || !s.config.HasImage(scope, v.Value):
		return invalid("Value is not the id of a machine image that is there, as data type %s demands", image)
	}
	return nil
}

// How many parameters a scope has is a record of its own, because counting them would read them all.

func countKey(scope scope.Scope) record.Key {
	return record.Key{Kind: ssm.KindParameterCount, ID: scope.String()}
}

func countRecord(scope scope.Scope, n int) record.Record { return encode(countKey(scope), scope, n) }

// readBoth reads a head, if it was found, and the count.
func readBoth(found []record.Record) (h *head, count int, err error) {
	heads, count, err := readAll(found)
	if len(heads) > 0 {
		h = heads[0]
	}
	return h, count, err
}

func readAll(found []record.Record) (heads []*head, count int, err error) {
	for _, r := range found {
		switch r.Kind {
		case ssm.KindParameter:
			h, err := readHead(r)
			if err != nil {
				return nil, 0, err
			}
			heads = append(heads, h)
		case ssm.KindParameterCount:
			if err := json.Unmarshal(r.Body, &count); err != nil {
				return nil, 0, fmt.Errorf("read the number of parameters of %s: %w", r.ID, err)
			}
		}
	}
	return heads, count, nil
}

// change changes one parameter, but for its versions, in one transaction.
func (s *Service) change(ctx context.Context, scope scope.Scope, name string, f func(*head) error) error {
	return s.config.Records.Update(
		ctx,
		[]record.Key{headKey(scope, name)},
		func(found []record.Record) ([]record.Change, error) {
			if len(found) == 0 {
				return nil, notFound(name)
			}
			h, err := readHead(found[0])
			if err == nil {
				err = f(h)
			}
			if err != nil {
				return nil, err
			}
			return []record.Change{{Record: h.record()}}, nil
		},
	)
}

// Delete deletes parameters with all their versions, and returns the names of those that were there.
func (s *Service) Delete(ctx context.Context, scope scope.Scope, names ...string) ([]string, error) {
	keys := []record.Key{countKey(scope)}
	byID := map[string]string{}
	for _, name := range names {
		if name, err := whole(scope, name); err == nil {
			k := headKey(scope, name)
			if _, twice := byID[k.ID]; !twice {
				keys = append(keys, k)
			}
			byID[k.ID] = name
		}
	}
	var deleted []string
	err := s.config.Records.Update(ctx, keys, func(found []record.Record) ([]record.Change, error) {
		heads, count, err := readAll(found)
		if err != nil {
			return nil, err
		}
		deleted = nil
		var changes []record.Change
		for _, h := range heads {
			k := h.key()
			changes = append(changes, record.Change{Record: record.Record{Key: k}, Delete: true})
			for number := h.Oldest; number < h.Latest.Number; number++ {
				changes = append(changes, h.dropVersion(number))
			}
			deleted = append(deleted, byID[k.ID])
		}
		return append(changes, record.Change{Record: countRecord(scope, count-len(heads)), Delete: count == len(heads)}), nil
	})
	slices.Sort(deleted)
	return deleted, err
}
