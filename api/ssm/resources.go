package ssm

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/parameter"
)

// resourceTypes returns the types of Systems Manager, with the ways in which requests name them. Those without a way of
// their own belong to what is not built: their tags can be asked for, and are refused by name.
func (s *service) resourceTypes() map[string]api.ResourceType {
	types := map[string]api.ResourceType{
		"document": {ARN: documentARN, Tags: s.documentTags, Keys: map[string]func(
			context.Context, api.Resource,
		) ([]string, error){
			"ssm:DocumentType":       s.documentType,
			"ssm:DocumentCategories": noCategories,
		}},
		"instance":         {ARN: nodeARN, Tags: s.nodeTags},
		"managed-instance": {ARN: nodeARN, Tags: s.nodeTags},
		"parameter":        {ARN: parameterARN, Tags: s.parameterTags},
		"servicesetting":   {ARN: settingARN},
	}
	for _, kind := range taggable {
		if _, built := types[kind]; !built {
			types[kind] = api.ResourceType{Tags: noneThere}
		}
	}
	return types
}

// conditionKeys are the keys of policies that belong to Systems Manager and that every request tells, and absentKeys
// those that none has.
var (
	conditionKeys = map[string]func(api.Question) string{
		"ssm:SourceInstanceARN": sourceInstance,
	}
	absentKeys = map[string]string{
		"ssm:Policies": "policies of parameters are not built",
	}
)

// The condition keys of nodes that prove themselves otherwise than as a principal: by an activation, or by a key pair
// of their own. A policy that lets only an organization's in has nothing else to know them by.
const (
	nodeAccountID = "ssm:NodeAccountId"
	nodeOrgID     = "ssm:NodeOrgId"
)

// nodeKeys are the keys of a node of an account; an empty account has none.
func nodeKeys(c *api.Call, account string) map[string][]string {
	if account == "" {
		return nil
	}
	keys := map[string][]string{nodeAccountID: {account}}
	if id, _ := c.Organization(account); id != "" {
		keys[nodeOrgID] = []string{id}
	}
	return keys
}

// itsNodeKeys are the keys of the node whose own key pair proved the request.
func itsNodeKeys[In any](c *api.Call, _ *In) map[string][]string {
	return nodeKeys(c, c.Caller.Account)
}

// registrationKeys are the keys of a machine that registers: it will be of its activation's account.
func (s *service) registrationKeys(c *api.Call, in *registerManagedInstanceInput) map[string][]string {
	if in.ActivationId == nil {
		return nodeKeys(c, c.Caller.Account)
	}
	a, err := s.nodes.Activation(context.Background(), *in.ActivationId)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return map[string][]string{nodeAccountID: api.Undecided, nodeOrgID: api.Undecided}
	}
	return nodeKeys(c, a.Scope.Account)
}

// sourceInstance is the managed node whose credentials sign: instances are named by ec2:SourceInstanceARN, and only
// machines that registered by this key.
func sourceInstance(q api.Question) string {
	c := q.Call
	if !strings.HasPrefix(c.Caller.IssuedTo, "mi-") {
		return ""
	}
	return arn.New("ssm", c.Region, c.Caller.Account, "managed-instance/"+c.Caller.IssuedTo).String()
}

// nodeARN names a node as policies do: instances are EC2's, the others Systems Manager's.
func nodeARN(c *api.Call, id string) string {
	if strings.HasPrefix(id, "mi-") {
		return arn.New("ssm", c.Region, c.Account, "managed-instance/"+id).String()
	}
	return arn.New("ec2", c.Region, c.Account, "instance/"+cmp.Or(id, "*")).String()
}

// documentARN names a document as policies do, by whichever of its names a request asks for it; those of the service
// have no account. The ARN of something that is not in this account and region stays as it is.
func documentARN(c *api.Call, name string) string {
	if strings.HasPrefix(name, "arn:") {
		a, err := arn.Parse(name)
		if err != nil || a.Region != c.Region || a.Account != "" && a.Account != c.Account {
			return name
		}
		name = a.ID()
	}
	account := c.Account
	if strings.HasPrefix(name, "AWS-") || strings.HasPrefix(name, "AmazonCloudWatch-") {
		account = ""
	}
	return arn.New("ssm", c.Region, account, "document/"+cmp.Or(name, "*")).String()
}

// settingID takes the id out of a setting's ARN, which is taken in its place.
func settingID(id *string) string {
	name := aws.ToString(id)
	if strings.HasPrefix(name, "arn:") {
		if _, path, ok := strings.Cut(name, ":servicesetting"); ok {
			return path
		}
	}
	return name
}

func settingARN(c *api.Call, id string) string {
	return arn.New("ssm", c.Region, c.Account, "servicesetting"+settingID(&id)).String()
}

// parameterARN names a parameter as policies do, by whichever of its names a request asks for it, and without the
// version or label that it selects.
func parameterARN(c *api.Call, text string) string {
	r, err := parameter.ParseReference(scopeOf(c), text)
	switch {
	case err == nil:
		return parameter.ARN(scopeOf(c), r.Name)
	case strings.HasPrefix(text, "arn:"):
		return text
	}
	return parameter.ARN(scopeOf(c), text)
}

// itsNode is the node whose key proved the request.
func itsNode[In any](c *api.Call, _ *In) []string { return []string{nodeARN(c, c.Caller.Node)} }

// byPath is about all below a path, whatever policies say about a single parameter there: who may ask for a path sees
// all of it.
func byPath(c *api.Call, in *ssm.GetParametersByPathInput) []string {
	return []string{parameter.ARN(scopeOf(c), aws.ToString(in.Path))}
}

func putParameterKeys(_ *api.Call, in *ssm.PutParameterInput) map[string][]string {
	return map[string][]string{"ssm:Overwrite": {strconv.FormatBool(aws.ToBool(in.Overwrite))}}
}

func byPathKeys(_ *api.Call, in *ssm.GetParametersByPathInput) map[string][]string {
	return map[string][]string{"ssm:Recursive": {strconv.FormatBool(aws.ToBool(in.Recursive))}}
}

// taggable are the resource types by what the tag operations call them.
var taggable = map[types.ResourceTypeForTagging]string{
	types.ResourceTypeForTaggingAssociation:       "association",
	types.ResourceTypeForTaggingAutomation:        "automation-execution",
	types.ResourceTypeForTaggingCloudConnector:    "cloud-connector",
	types.ResourceTypeForTaggingDocument:          "document",
	types.ResourceTypeForTaggingMaintenanceWindow: "maintenancewindow",
	types.ResourceTypeForTaggingManagedInstance:   "managed-instance",
	types.ResourceTypeForTaggingOpsItem:           "opsitem",
	types.ResourceTypeForTaggingOpsmetadata:       "opsmetadata",
	types.ResourceTypeForTaggingParameter:         "parameter",
	types.ResourceTypeForTaggingPatchBaseline:     "patchbaseline",
}

// taggableTypes are the types that a tag operation may be about, of which a request names one.
func taggableTypes() []string {
	all := []string{"instance?"}
	for _, kind := range slices.Sorted(maps.Values(taggable)) {
		all = append(all, kind+"?")
	}
	return all
}

func tagged(c *api.Call, kind types.ResourceTypeForTagging, id *string) []string {
	return []string{c.ARN(taggable[kind], aws.ToString(id))}
}

func addedTo(c *api.Call, in *ssm.AddTagsToResourceInput) []string {
	return tagged(c, in.ResourceType, in.ResourceId)
}

func removedFrom(c *api.Call, in *ssm.RemoveTagsFromResourceInput) []string {
	return tagged(c, in.ResourceType, in.ResourceId)
}

func listedFor(c *api.Call, in *ssm.ListTagsForResourceInput) []string {
	return tagged(c, in.ResourceType, in.ResourceId)
}
