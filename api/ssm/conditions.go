package ssm

import (
	"cmp"
	"context"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/parameter"
)

// The condition keys that follow from resources. What is not there has none.

func scopeOfResource(r api.Resource) scope.Scope {
	return scope.Scope{Account: r.Account, Region: r.Region}
}

// nodeTags are the tags of a node; those of an instance are EC2's.
func (s *service) nodeTags(ctx context.Context, r api.Resource) (map[string]string, error) {
	return s.nodes.AllTags(ctx, scopeOfResource(r), r.ID)
}

func (s *service) documentTags(ctx context.Context, r api.Resource) (map[string]string, error) {
	v, err := s.documents.Find(ctx, scopeOfResource(r), r.ID, "")
	return v.Tags, unlessAbsent(err)
}

// documentType is that of documents, of which there are those of commands only.
func (s *service) documentType(ctx context.Context, r api.Resource) ([]string, error) {
	if _, err := s.documents.Find(ctx, scopeOfResource(r), r.ID, ""); err != nil {
		return nil, unlessAbsent(err)
	}
	return []string{string(types.DocumentTypeCommand)}, nil
}

// newDocumentKeys are the condition keys of a document that is made. Commands are what is made where nothing is said.
func newDocumentKeys(_ *api.Call, in *ssm.CreateDocumentInput) map[string][]string {
	return map[string][]string{"ssm:DocumentType": {string(cmp.Or(in.DocumentType, types.DocumentTypeCommand))}}
}

// noCategories says that documents have no categories: there is no way to give them some, on AWS neither but for
// automation runbooks.
func noCategories(context.Context, api.Resource) ([]string, error) { return nil, nil }

func (s *service) parameterTags(ctx context.Context, r api.Resource) (map[string]string, error) {
	p, err := parameter.ParseReference(scopeOfResource(r), r.ARN)
	if err != nil {
		return nil, unlessAbsent(err)
	}
	tags, err := s.parameters.Tags(ctx, scopeOfResource(r), p.Name)
	return tags, unlessAbsent(err)
}

// noneThere are the tags of resources that are not built, of which there is none.
func noneThere(context.Context, api.Resource) (map[string]string, error) { return nil, nil }

// unlessAbsent is an error, but for one that says that something is not there, or cannot be.
func unlessAbsent(err error) error {
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
		return nil
	}
	return err
}
