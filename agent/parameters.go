package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/agent/execute"
)

// perCall limits how many parameters one call of GetParameters may name.
const perCall = 10

// storedParameter holds a parameter as GetParameters returns it.
type storedParameter struct {
	Name, Type, Value string
	// Selector is ":" and the version or label that was asked for.
	Selector string
}

// fill gives a job what it refers to in Parameter Store, read with the node's own permissions.
func (a *Agent) fill(ctx context.Context, j *execute.Job) error {
	names := j.References()
	if len(names) == 0 {
		return nil
	}
	stored := map[string]execute.StoredParameter{}
	for some := range slices.Chunk(names, perCall) {
		if err := a.getParameters(ctx, some, stored); err != nil {
			return fmt.Errorf("the parameters that the command refers to cannot be read: %w", err)
		}
	}
	return j.Fill(stored)
}

func (a *Agent) getParameters(ctx context.Context, names []string, into map[string]execute.StoredParameter) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := a.Identity.Credentials(ctx)
	if err != nil {
		return err
	}
	in := struct {
		Names          []string
		WithDecryption bool
	}{Names: names}
	var out struct {
		Parameters        []storedParameter
		InvalidParameters []string
	}
	if err := a.call(ctx, targetSSM+"GetParameters", a.signWith(c, "ssm"), in, &out); err != nil {
		return err
	}
	if len(out.InvalidParameters) > 0 {
		return fmt.Errorf("there is no parameter %s in Parameter Store", strings.Join(out.InvalidParameters, ", "))
	}
	for _, p := range out.Parameters {
		into[p.Name+p.Selector] = execute.StoredParameter{Type: p.Type, Value: p.Value}
	}
	return nil
}
