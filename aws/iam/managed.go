package iam

import (
	"embed"
	"path"
	"slices"
	"strings"
)

// ManagedPolicy is one of the policies that Amazon keeps for everybody. Its ARN is arn:aws:iam::aws:policy/NAME, in
// other partitions than aws with theirs.
type ManagedPolicy struct {
	Name        string
	Path        string // "/", "/service-role/" or "/aws-service-role/"
	Version     string // the default version's id, such as "v2"
	Description string
	Document    string // JSON
}

//go:embed managed/*.json
var documents embed.FS

// managed lists what is offered: what nodes and their operators need, and only as far as its content is known.
var managed = []ManagedPolicy{
	{Name: "AdministratorAccess", Version: "v1", Description: "Provides full access to AWS services and resources."},
	{
		Name:        "AmazonSSMManagedInstanceCore",
		Version:     "v2",
		Description: "The policy for Amazon EC2 Role to enable AWS Systems Manager service core functionality.",
	},
	{
		Name:        "AmazonSSMManagedEC2InstanceDefaultPolicy",
		Version:     "v2",
		Description: "This policy enables AWS Systems Manager functionality on EC2 instances.",
	},
	{Name: "AmazonSSMReadOnlyAccess", Version: "v1", Description: "Provides read only access to Amazon SSM."},
	{Name: "AmazonSSMFullAccess", Version: "v4", Description: "Provides full access to Amazon SSM."},
	{
		Name:        "AmazonSSMPatchAssociation",
		Version:     "v1",
		Description: "Provide access to child instances for patch association operation.",
	},
	{
		Name:    "AmazonSSMAutomationApproverAccess",
		Version: "v1",
		Description: "Provides access to view automation executions and send approval decisions to automation waiting for " +
			"approval",
	},
	{
		Name:        "AmazonSSMMaintenanceWindowRole",
		Path:        "/service-role/",
		Version:     "v3",
		Description: "Service Role to be used for EC2 Maintenance Window",
	},
	{
		Name:        "AmazonSSMServiceRolePolicy",
		Path:        "/aws-service-role/",
		Version:     "v15",
		Description: "Provides access to AWS Resources managed or used by Amazon SSM.",
	},
	{
		Name:    "AmazonSSMAutomationRole",
		Path:    "/service-role/",
		Version: "v8",
		Description: "Provides permissions for EC2 Automation service to execute activities defined within Automation " +
			"documents",
	},
}

// ManagedPolicies returns Amazon's managed policies, sorted by name.
func ManagedPolicies() []ManagedPolicy {
	all := slices.Clone(managed)
	for i := range all {
		m := &all[i]
		document, err := documents.ReadFile(path.Join("managed", m.Name+".json"))
		if err != nil {
			panic(err) // the files are part of the program
		}
		m.Document = strings.TrimSpace(string(document))
		if m.Path == "" {
			m.Path = "/"
		}
	}
	slices.SortFunc(all, func(a, b ManagedPolicy) int { return strings.Compare(a.Name, b.Name) })
	return all
}
