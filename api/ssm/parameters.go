package ssm

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/fault"
	"postern/aws/service/ssm"
	"postern/aws/service/ssm/types"
	"postern/ssm/parameter"
)

func (s *service) putParameter(
	ctx context.Context, c *api.Call, in *ssm.PutParameterInput,
) (*ssm.PutParameterOutput, error) {
	given, err := tags.FromMap(in.Tags)
	if err != nil {
		return nil, err
	}
	if in.KeyId != nil && in.Type != types.ParameterTypeSecureString {
		return nil, invalid("ValidationException", "KeyId is for parameters of type SecureString")
	}
	p, err := s.parameters.Put(ctx, scopeOf(c), parameter.NewVersion{
		Name: aws.ToString(in.Name), Value: aws.ToString(in.Value), Type: parameter.Type(in.Type),
		Overwrite:   aws.ToBool(in.Overwrite),
		Description: in.Description, AllowedPattern: in.AllowedPattern, DataType: aws.ToString(in.DataType),
		Tier: parameter.Tier(in.Tier),
		Tags: given, By: c.Caller.Principal,
	}, c.Time)
	if err != nil {
		return nil, err
	}
	return &ssm.PutParameterOutput{Version: p.Number, Tier: types.ParameterTier(p.Tier)}, nil
}

func toParameter(p parameter.Parameter) types.Parameter {
	return types.Parameter{
		Name: aws.String(p.Name), ARN: aws.String(parameter.ARN(p.Scope, p.Name)), Type: types.ParameterType(p.Type),
		Value:   aws.String(p.Value),
		Version: p.Number, Selector: text(p.Selector), LastModifiedDate: aws.Time(p.Modified),
		DataType: aws.String(p.DataType),
	}
}

func toParameters(all []parameter.Parameter) []types.Parameter {
	out := []types.Parameter{}
	for _, p := range all {
		out = append(out, toParameter(p))
	}
	return out
}

func (s *service) getParameter(
	ctx context.Context, c *api.Call, in *ssm.GetParameterInput,
) (*ssm.GetParameterOutput, error) {
	p, err := s.parameters.Get(ctx, scopeOf(c), aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	found := toParameter(p)
	return &ssm.GetParameterOutput{Parameter: &found}, nil
}

// pathPageSize is how many parameters a page of GetParametersByPath has where the request does not say.
const pathPageSize = 10

// maxNames is how many parameters one request may name.
const maxNames = 10

func checkNames(names []string) error {
	if len(names) < 1 || len(names) > maxNames {
		return invalid("ValidationException", "there are %d Names; 1 to %d may be given", len(names), maxNames)
	}
	return nil
}

func (s *service) getParameters(
	ctx context.Context, c *api.Call, in *ssm.GetParametersInput,
) (*ssm.GetParametersOutput, error) {
	if err := checkNames(in.Names); err != nil {
		return nil, err
	}
	all, missing, err := s.parameters.GetAll(ctx, scopeOf(c), in.Names)
	if err != nil {
		return nil, err
	}
	return &ssm.GetParametersOutput{Parameters: toParameters(all), InvalidParameters: list(missing)}, nil
}

// list is never absent from an answer.
func list(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

func fromFilters(filters []types.ParameterStringFilter) []parameter.Filter {
	var out []parameter.Filter
	for _, f := range filters {
		out = append(out, parameter.Filter{Key: aws.ToString(f.Key), Option: aws.ToString(f.Option), Values: f.Values})
	}
	return out
}

func (s *service) getParametersByPath(
	ctx context.Context, c *api.Call, in *ssm.GetParametersByPathInput,
) (*ssm.GetParametersByPathOutput, error) {
	p, err := page.Read(c, in, pathPageSize)
	if err != nil {
		return nil, err
	}
	q := parameter.Query{
		Path: aws.ToString(in.Path), Recursive: aws.ToBool(in.Recursive), Filters: fromFilters(in.ParameterFilters),
		Limit: p.Size, After: p.After,
	}
	rows, more, err := s.parameters.ByPath(ctx, scopeOf(c), q)
	if err != nil {
		return nil, err
	}
	return &ssm.GetParametersByPathOutput{Parameters: toParameters(rows), NextToken: nextName(p, rows, more)}, nil
}

// nextName returns the name at which the next page begins.
func nextName(p page.Page, rows []parameter.Parameter, more bool) *string {
	if !more {
		return nil
	}
	return p.Token(rows[len(rows)-1].Name)
}

func (s *service) describeParameters(
	ctx context.Context, c *api.Call, in *ssm.DescribeParametersInput,
) (*ssm.DescribeParametersOutput, error) {
	if aws.ToBool(in.Shared) {
		return nil, fault.New(fault.NotImplemented, "ssm.describeParameters", "Postern does not implement shared parameters")
	}
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("ValidationException", "Filters and ParameterFilters cannot both be given")
	}
	p, err := page.Read(c, in, pageSize)
	if err != nil {
		return nil, err
	}
	q := parameter.Query{Filters: fromFilters(in.ParameterFilters), Limit: p.Size, After: p.After}
	for _, f := range in.Filters {
		q.Filters = append(q.Filters, parameter.Filter{Key: string(f.Key), Values: f.Values})
	}
	rows, more, err := s.parameters.Describe(ctx, scopeOf(c), q)
	if err != nil {
		return nil, err
	}
	out := &ssm.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}, NextToken: nextName(p, rows, more)}
	for _, p := range rows {
		out.Parameters = append(out.Parameters, types.ParameterMetadata{
			Name: aws.String(p.Name), ARN: aws.String(parameter.ARN(p.Scope, p.Name)), Type: types.ParameterType(p.Type),
			Version: p.Number,
			Tier:    types.ParameterTier(p.Tier), DataType: aws.String(p.DataType), Description: text(p.Description),
			AllowedPattern: text(p.AllowedPattern), LastModifiedDate: aws.Time(p.Modified), LastModifiedUser: aws.String(p.By),
			Policies: []types.ParameterInlinePolicy{},
		})
	}
	return out, nil
}

func (s *service) getParameterHistory(
	ctx context.Context, c *api.Call, in *ssm.GetParameterHistoryInput,
) (*ssm.GetParameterHistoryOutput, error) {
	p, err := page.Read(c, in, pageSize)
	if err != nil {
		return nil, err
	}
	var after int64
	if err := p.Place(&after); err != nil {
		return nil, err
	}
	rows, more, err := s.parameters.History(ctx, scopeOf(c), aws.ToString(in.Name), after, p.Size)
	if err != nil {
		return nil, err
	}
	out := &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{}}
	for _, p := range rows {
		out.Parameters = append(out.Parameters, types.ParameterHistory{
			Name: aws.String(p.Name), Type: types.ParameterType(p.Type), Value: aws.String(p.Value), Version: p.Number,
			Labels: list(p.Labels),
			Tier:   types.ParameterTier(p.Tier), DataType: aws.String(p.DataType), Description: text(p.Description),
			AllowedPattern: text(p.AllowedPattern), LastModifiedDate: aws.Time(p.Modified), LastModifiedUser: aws.String(p.By),
			Policies: []types.ParameterInlinePolicy{},
		})
	}
	if more && len(rows) > 0 {
		out.NextToken = p.TokenAt(rows[len(rows)-1].Number)
	}
	return out, nil
}

func (s *service) labelParameterVersion(
	ctx context.Context, c *api.Call, in *ssm.LabelParameterVersionInput,
) (*ssm.LabelParameterVersionOutput, error) {
	version, bad, err := s.parameters.Label(
		ctx, scopeOf(c), aws.ToString(in.Name), aws.ToInt64(in.ParameterVersion), in.Labels,
	)
	if err != nil {
		return nil, err
	}
	return &ssm.LabelParameterVersionOutput{ParameterVersion: version, InvalidLabels: list(bad)}, nil
}

func (s *service) unlabelParameterVersion(
	ctx context.Context, c *api.Call, in *ssm.UnlabelParameterVersionInput,
) (*ssm.UnlabelParameterVersionOutput, error) {
	removed, bad, err := s.parameters.Unlabel(
		ctx, scopeOf(c), aws.ToString(in.Name), aws.ToInt64(in.ParameterVersion), in.Labels,
	)
	if err != nil {
		return nil, err
	}
	return &ssm.UnlabelParameterVersionOutput{RemovedLabels: list(removed), InvalidLabels: list(bad)}, nil
}

func (s *service) deleteParameter(
	ctx context.Context, c *api.Call, in *ssm.DeleteParameterInput,
) (*ssm.DeleteParameterOutput, error) {
	name := aws.ToString(in.Name)
	deleted, err := s.parameters.Delete(ctx, scopeOf(c), name)
	if err == nil && len(deleted) == 0 {
		err = fault.New(fault.NotFound, "ssm.deleteParameter", "Parameter %s not found.", name).WithCode("ParameterNotFound")
	}
	return nil, err
}

func (s *service) deleteParameters(
	ctx context.Context, c *api.Call, in *ssm.DeleteParametersInput,
) (*ssm.DeleteParametersOutput, error) {
	if err := checkNames(in.Names); err != nil {
		return nil, err
	}
	deleted, err := s.parameters.Delete(ctx, scopeOf(c), in.Names...)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, name := range deleted {
		gone[parameterARN(c, name)] = true
	}
	out := &ssm.DeleteParametersOutput{DeletedParameters: list(deleted), InvalidParameters: []string{}}
	for _, name := range in.Names {
		if !gone[parameterARN(c, name)] {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}
