package execute

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"postern/ssm/document"
	"postern/ssm/mgs"
)

// maxDepth is how deep documents may run documents, as with Amazon's agent.
const maxDepth = 3

// RunDocument does the work of the plugin aws:runDocument: it runs the steps of another document on the same node, and
// joins what they say into one outcome. text is the document, parameters are the step's documentParameters.
func (j *Job) RunDocument(ctx context.Context, o On, text string, parameters any) Outcome {
	if j.depth+1 > maxDepth {
		return Failure(fmt.Errorf("documents run each other more than %d deep", maxDepth))
	}
	child, err := j.child(text, parameters)
	if err == nil && o.Fill != nil {
		err = o.Fill(ctx, child)
	}
	if err != nil {
		return Failure(err)
	}
	var all Outcome
	o.Upload = nil // the step that runs the document puts all of it into S3
	o.Report = func(r Result) {
		for _, id := range slices.Sorted(maps.Keys(r.Steps)) {
			if r.Status != mgs.InProgress {
				continue // a single step stands in the last report a second time
			}
			s := r.Steps[id]
			all.Stdout += cmp.Or(s.StandardOutput, skippedText(s))
			all.Stderr += s.StandardError
			all.Code = cmp.Or(all.Code, s.Code)
		}
		all.Status = r.Status
	}
	if child.Run(ctx, nil, o) != nil {
		return Failure(errors.New("a step of the document asks for a reboot, after which it could not go on"))
	}
	if all.Status != mgs.Success && all.Code == 0 {
		all.Code = 1
	}
	return all
}

func skippedText(s *mgs.StepStatus) string {
	if s.StandardError == "" && s.Status == mgs.Failed {
		return s.Output
	}
	return ""
}

// child reads a document, and its parameters: an object, or the text of one in JSON or YAML.
func (j *Job) child(text string, parameters any) (*Job, error) {
	d, err := document.Parse([]byte(text), document.JSON)
	if err != nil {
		if yaml, yamlErr := document.Parse([]byte(text), document.YAML); yamlErr == nil {
			d, err = yaml, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	given := map[string]any{}
	switch p := parameters.(type) {
	case nil:
	case map[string]any:
		given = p
	case string:
		if p != "" {
			err = json.Unmarshal([]byte(p), &given)
		}
	default:
		err = errors.New("documentParameters is not an object")
	}
	if err != nil {
		return nil, fmt.Errorf("read documentParameters: %w", err)
	}
	values, err := d.FromWire(given)
	if err != nil {
		return nil, fmt.Errorf("read documentParameters: %w", err)
	}
	return &Job{
		Command: j.Command, document: d, values: values, steps: d.Steps(values), schema: d.SchemaVersion,
		depth: j.depth + 1,
	}, nil
}
