package ssm

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/document"
	"postern/ssm/document/library"
)

func (s *service) createDocument(
	ctx context.Context, c *api.Call, in *ssm.CreateDocumentInput,
) (*ssm.CreateDocumentOutput, error) {
	if t := in.DocumentType; t != "" && t != types.DocumentTypeCommand {
		return nil, fault.New(
			fault.NotImplemented, "ssm.createDocument", "Postern does not implement documents of type %s", t,
		)
	}
	given, err := tags.FromMap(in.Tags)
	if err != nil {
		return nil, err
	}
	v, err := s.documents.Create(ctx, scopeOf(c), library.NewVersion{
		Name: aws.ToString(in.Name), Content: aws.ToString(in.Content), Format: document.Format(in.DocumentFormat),
		VersionName: aws.ToString(in.VersionName), DisplayName: aws.ToString(in.DisplayName),
		TargetType: aws.ToString(in.TargetType), Tags: given,
	}, c.Time)
	if err != nil {
		return nil, err
	}
	return &ssm.CreateDocumentOutput{DocumentDescription: toDescription(v)}, nil
}

func (s *service) updateDocument(
	ctx context.Context, c *api.Call, in *ssm.UpdateDocumentInput,
) (*ssm.UpdateDocumentOutput, error) {
	v, err := s.documents.Update(ctx, scopeOf(c), aws.ToString(in.DocumentVersion), library.NewVersion{
		Name: aws.ToString(in.Name), Content: aws.ToString(in.Content), Format: document.Format(in.DocumentFormat),
		VersionName: aws.ToString(in.VersionName), DisplayName: aws.ToString(in.DisplayName),
		TargetType: aws.ToString(in.TargetType),
	}, c.Time)
	if err != nil {
		return nil, err
	}
	return &ssm.UpdateDocumentOutput{DocumentDescription: toDescription(v)}, nil
}

func (s *service) updateDocumentDefaultVersion(
	ctx context.Context, c *api.Call, in *ssm.UpdateDocumentDefaultVersionInput,
) (*ssm.UpdateDocumentDefaultVersionOutput, error) {
	v, err := s.documents.SetDefault(ctx, scopeOf(c), aws.ToString(in.Name), aws.ToString(in.DocumentVersion))
	if err != nil {
		return nil, err
	}
	return &ssm.UpdateDocumentDefaultVersionOutput{Description: &types.DocumentDefaultVersionDescription{
		Name: in.Name, DefaultVersion: aws.String(v.Default), DefaultVersionName: text(v.VersionName),
	}}, nil
}

func (s *service) deleteDocument(
	ctx context.Context, c *api.Call, in *ssm.DeleteDocumentInput,
) (*ssm.DeleteDocumentOutput, error) {
	if in.DocumentVersion != nil && in.VersionName != nil { // both name one version, or nothing is deleted
		if _, err := s.find(ctx, c, in.Name, in.DocumentVersion, in.VersionName); err != nil {
			return nil, err
		}
	}
	version := cmp.Or(aws.ToString(in.DocumentVersion), aws.ToString(in.VersionName))
	return nil, s.documents.Delete(ctx, scopeOf(c), aws.ToString(in.Name), version)
}

// find finds a version by its number or by its own name.
func (s *service) find(ctx context.Context, c *api.Call, name, version, versionName *string) (library.Version, error) {
	v, err := s.documents.Find(
		ctx, scopeOf(c), aws.ToString(name), cmp.Or(aws.ToString(version), aws.ToString(versionName)),
	)
	if err == nil && versionName != nil && v.VersionName != *versionName {
		return v, invalid("InvalidDocumentVersion", "version %s of %s is not named %s", v.Version, v.Name, *versionName)
	}
	return v, err
}

func (s *service) getDocument(
	ctx context.Context, c *api.Call, in *ssm.GetDocumentInput,
) (*ssm.GetDocumentOutput, error) {
	v, err := s.find(ctx, c, in.Name, in.DocumentVersion, in.VersionName)
	if err != nil {
		return nil, err
	}
	format := document.Format(in.DocumentFormat)
	switch format {
	case document.JSON, document.YAML:
	case "":
		format = document.JSON // whatever the document was written in
	default:
		return nil, fault.New(
			fault.NotImplemented, "ssm.getDocument", "Postern does not write documents in the format %s", format,
		)
	}
	content, err := v.Document.Rewrite(v.Content, v.Format, format)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetDocumentOutput{
		Name: aws.String(v.Name), Content: aws.String(content), DocumentFormat: types.DocumentFormat(format),
		DocumentType: types.DocumentTypeCommand, DocumentVersion: aws.String(v.Version), VersionName: text(v.VersionName),
		DisplayName: text(v.DisplayName), Status: types.DocumentStatusActive,
	}
	if !v.Created.IsZero() {
		out.CreatedDate = aws.Time(v.Created)
	}
	return out, nil
}

func (s *service) describeDocument(
	ctx context.Context, c *api.Call, in *ssm.DescribeDocumentInput,
) (*ssm.DescribeDocumentOutput, error) {
	v, err := s.find(ctx, c, in.Name, in.DocumentVersion, in.VersionName)
	if err != nil {
		return nil, err
	}
	return &ssm.DescribeDocumentOutput{Document: toDescription(v)}, nil
}

func platformTypes(v library.Version) []types.PlatformType {
	out := []types.PlatformType{}
	for _, p := range v.Document.PlatformTypes() {
		out = append(out, types.PlatformType(p))
	}
	return out
}

func toDescription(v library.Version) *types.DocumentDescription {
	out := &types.DocumentDescription{
		Name: aws.String(v.Name), Owner: aws.String(v.Owner), Status: types.DocumentStatusActive,
		DocumentVersion: aws.String(v.Version), VersionName: text(v.VersionName), DefaultVersion: aws.String(v.Default),
		LatestVersion: aws.String(v.Latest), Description: text(v.Document.Description), DisplayName: text(v.DisplayName),
		DocumentFormat: types.DocumentFormat(v.Format), DocumentType: types.DocumentTypeCommand,
		SchemaVersion: aws.String(v.Document.SchemaVersion), Hash: aws.String(v.Hash), HashType: types.DocumentHashTypeSha256,
		PlatformTypes: platformTypes(v), Tags: tags.ToMap[types.Tag](v.Tags), TargetType: text(v.TargetType),
	}
	if !v.Created.IsZero() {
		out.CreatedDate = aws.Time(v.Created)
	}
	for _, p := range v.Document.Parameters {
		d := types.DocumentParameter{
			Name: aws.String(p.Name), Type: types.DocumentParameterType(p.Type), Description: text(p.Description),
		}
		if p.Default != nil {
			d.DefaultValue = aws.String(document.Text(p.Default))
		}
		out.Parameters = append(out.Parameters, d)
	}
	return out
}

func (s *service) listDocuments(
	ctx context.Context, c *api.Call, in *ssm.ListDocumentsInput,
) (*ssm.ListDocumentsOutput, error) {
	all, err := s.documents.List(ctx, scopeOf(c))
	if err != nil {
		return nil, err
	}
	filters := in.Filters
	for _, f := range in.DocumentFilterList {
		filters = append(
			filters, types.DocumentKeyValuesFilter{Key: aws.String(string(f.Key)), Values: []string{aws.ToString(f.Value)}},
		)
	}
	for _, f := range filters {
		passes, err := documentFilter(c, aws.ToString(f.Key), f.Values)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(v library.Version) bool { return !passes(v) })
	}
	rows, next, err := page.Of(c, in, pageSize, all, func(v library.Version) string { return v.Name })
	if err != nil {
		return nil, err
	}
	out := &ssm.ListDocumentsOutput{NextToken: next}
	for _, v := range rows {
		d := toDescription(v)
		out.DocumentIdentifiers = append(out.DocumentIdentifiers, types.DocumentIdentifier{
			Name: d.Name, Owner: d.Owner, DocumentVersion: d.DocumentVersion, VersionName: d.VersionName,
			DisplayName:    d.DisplayName,
			DocumentFormat: d.DocumentFormat, DocumentType: d.DocumentType, SchemaVersion: d.SchemaVersion,
			PlatformTypes: d.PlatformTypes,
			Tags:          d.Tags, TargetType: d.TargetType, CreatedDate: d.CreatedDate,
		})
	}
	return out, nil
}

// documentFilter tells whether a document has one of the values.
func documentFilter(c *api.Call, key string, values []string) (func(library.Version) bool, error) {
	has := func(field string) bool { return slices.Contains(values, field) }
	switch {
	case strings.EqualFold(key, "Owner"):
		return func(v library.Version) bool {
			own := v.Owner == c.Account
			return has("All") || has(v.Owner) || own && (has("Self") || has("Private")) || !own && has("Public")
		}, nil
	case strings.EqualFold(key, "Name"):
		return func(v library.Version) bool {
			return slices.ContainsFunc(values, func(name string) bool {
				prefix, wild := strings.CutSuffix(name, "*")
				return v.Name == name || wild && strings.HasPrefix(v.Name, prefix)
			})
		}, nil
	case strings.EqualFold(key, "DocumentType"):
		return func(library.Version) bool { return has(string(types.DocumentTypeCommand)) }, nil
	case strings.EqualFold(key, "PlatformTypes"):
		return func(v library.Version) bool { return slices.ContainsFunc(v.Document.PlatformTypes(), has) }, nil
	case key == "TargetType":
		return func(v library.Version) bool { return has(v.TargetType) }, nil
	case key == "SchemaVersion":
		return func(v library.Version) bool { return has(v.Document.SchemaVersion) }, nil
	case strings.HasPrefix(key, "tag:"):
		return func(v library.Version) bool {
			value, tagged := v.Tags[strings.TrimPrefix(key, "tag:")]
			return tagged && has(value)
		}, nil
	}
	return nil, invalid(
		"InvalidFilterKey",
		"filter key %q is not one of Owner, Name, DocumentType, PlatformTypes, TargetType, SchemaVersion, tag:KEY", key,
	)
}

// newestFirst is the key of a document's versions.
func newestFirst(v library.Version) string {
	number, _ := strconv.ParseInt(v.Version, 10, 64)
	return page.Descending(number)
}

func (s *service) listDocumentVersions(
	ctx context.Context, c *api.Call, in *ssm.ListDocumentVersionsInput,
) (*ssm.ListDocumentVersionsOutput, error) {
	all, err := s.documents.Versions(ctx, scopeOf(c), aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	rows, next, err := page.Of(c, in, pageSize, all, newestFirst)
	if err != nil {
		return nil, err
	}
	out := &ssm.ListDocumentVersionsOutput{NextToken: next}
	for _, v := range rows {
		d := toDescription(v)
		out.DocumentVersions = append(out.DocumentVersions, types.DocumentVersionInfo{
			Name: d.Name, DocumentVersion: d.DocumentVersion, VersionName: d.VersionName, DisplayName: d.DisplayName,
			DocumentFormat: d.DocumentFormat, CreatedDate: d.CreatedDate, IsDefaultVersion: v.Version == v.Default,
			Status: d.Status,
		})
	}
	return out, nil
}
