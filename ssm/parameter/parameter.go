package parameter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
)

// Type is the type of a parameter's value.
type Type string

// The types. A StringList's items are separated by commas.
const (
	String       Type = "String"
	StringList   Type = "StringList"
	SecureString Type = "SecureString"
)

// Tier bounds the size of a parameter.
type Tier string

// The tiers. Intelligent asks for the smallest that fits, and is no parameter's own.
const (
	Standard    Tier = "Standard"
	Advanced    Tier = "Advanced"
	Intelligent Tier = "Intelligent-Tiering"
)

// Limits, as Amazon has them where no other is named.
const (
	// MaxVersions bounds the versions that a parameter keeps.
	MaxVersions = 100
	// MaxLabels bounds the labels of a version.
	MaxLabels = 10
	// maxStandard and maxAdvanced are the longest values in bytes.
	maxStandard = 4 << 10
	maxAdvanced = 8 << 10
	// maxParameters bounds an account's parameters in a region. Amazon allows 10,000 standard and 100,000 advanced ones.
	maxParameters  = 100_000
	maxDescription = 1024
	maxPattern     = 1024
)

// Version is one version of a parameter. Its fields' names stand in databases.
type Version struct {
	Number         int64
	Type           Type
	Value          string
	Description    string `json:",omitempty"`
	AllowedPattern string `json:",omitempty"`
	DataType       string
	Tier           Tier
	Modified       time.Time
	// By is the ARN of who made it.
	By string `json:",omitempty"`
}

// Parameter is a parameter with one of its versions.
type Parameter struct {
	Version
	Name  string
	Scope scope.Scope
	// Selector repeats the selector of the request: "" for the latest version, else ":" and its number or label.
	Selector string
	// Labels are the version's, sorted.
	Labels []string
	Tags   map[string]string
}

// head is the stored form of a parameter without its older versions. Its fields' names stand in databases.
type head struct {
	Name  string
	Scope scope.Scope
	// Oldest is the number of the oldest version that is kept; all from it to the latest are.
	Oldest int64
	Latest Version
	Labels map[string]int64  `json:",omitempty"`
	Tags   map[string]string `json:",omitempty"`
}

// The ids of records: a head's is its scope and its name, without the slash that it may begin with; a version's is its
// head's with the number after it, so that they sort.

func headKey(scope scope.Scope, name string) record.Key {
	return record.Key{Kind: ssm.KindParameter, ID: scope.String() + "/" + bare(name)}
}

func (h *head) key() record.Key { return headKey(h.Scope, h.Name) }

func (h *head) versionKey(number int64) record.Key {
	return record.Key{Kind: ssm.KindParameterVersion, ID: fmt.Sprintf("%s:%020d", h.key().ID, number)}
}

func encode(k record.Key, scope scope.Scope, v any) record.Record {
	body, err := json.Marshal(v)
	if err != nil {
		panic("parameter: " + err.Error()) // only strings, numbers and times
	}
	return ssm.NewRecord(k, scope, body)
}

func (h *head) record() record.Record { return encode(h.key(), h.Scope, h) }

func readHead(r record.Record) (*head, error) {
	h := new(head)
	if err := json.Unmarshal(r.Body, h); err != nil {
		return nil, fmt.Errorf("read parameter %s: %w", r.ID, err)
	}
	return h, nil
}

func readVersion(r record.Record) (v Version, err error) {
	if err := json.Unmarshal(r.Body, &v); err != nil {
		return v, fmt.Errorf("read parameter version %s: %w", r.ID, err)
	}
	return v, nil
}

// has reports whether a version is kept.
func (h *head) has(number int64) bool { return number >= h.Oldest && number <= h.Latest.Number }

// view returns the parameter with one of its versions.
func (h *head) view(v Version, selector string) Parameter {
	return Parameter{
		Version:  v,
		Name:     h.Name,
		Scope:    h.Scope,
		Selector: selector,
		Labels:   h.labelsOf(v.Number),
		Tags:     h.Tags,
	}
}

func (h *head) labelsOf(number int64) []string {
	labels := []string{}
	for _, label := range slices.Sorted(maps.Keys(h.Labels)) {
		if h.Labels[label] == number {
			labels = append(labels, label)
		}
	}
	return labels
}

// Service keeps the parameters of all scopes. Make it with New.
type Service struct{ config Config }

// Config configures a Service.
type Config struct {
	Records record.Finder
	// HasImage reports whether there is a machine image with an id. Nil knows none.
	HasImage func(scope scope.Scope, id string) bool
	// Public returns the versions of a scope's public parameters, in any order. Nil has none.
	Public func(scope scope.Scope) []Public
}

// New makes a Service.
func New(c Config) *Service {
	if c.HasImage == nil {
		c.HasImage = func(scope.Scope, string) bool { return false }
	}
	if c.Public == nil {
		c.Public = func(scope.Scope) []Public { return nil }
	}
	c.Records = ssm.Consented(c.Records)
	return &Service{c}
}

func invalid(format string, args ...any) error { return refuse("ValidationException", format, args...) }

func refuse(code, format string, args ...any) error {
	return fault.New(fault.Invalid, "parameter", format, args...).WithCode(code)
}

func notFound(name string) error {
	return fault.New(fault.NotFound, "parameter.Find", "Parameter %s not found.", name).WithCode("ParameterNotFound")
}

func noVersion(name, selector string) error {
	return fault.New(fault.NotFound, "parameter.Find",
		"Systems Manager could not find version %s of %s. Verify the version and try again.",
		selector, name).
		WithCode("ParameterVersionNotFound")
}
