package ssm_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"pgregory.net/rapid"

	"postern/api/nodetest"
)

// lists are three lists of parameters, by a path: what a page holds, and the next one's token.
func lists(t *testing.T, c *ssm.Client) map[string]func(path string, size int32, token *string) ([]string, *string) {
	byPath := []types.ParameterStringFilter{{Key: aws.String("Path"), Option: aws.String("Recursive")}}
	return map[string]func(string, int32, *string) ([]string, *string){
		"GetParametersByPath": func(path string, size int32, token *string) (names []string, next *string) {
			out, err := c.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{
				Path: &path, MaxResults: &size, NextToken: token,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range out.Parameters {
				names = append(names, *p.Name)
			}
			return names, out.NextToken
		},
		"DescribeParameters": func(path string, size int32, token *string) (names []string, next *string) {
			filters := slices.Clone(byPath)
			filters[0].Values = []string{path}
			out, err := c.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{
				ParameterFilters: filters, MaxResults: &size, NextToken: token,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range out.Parameters {
				names = append(names, *p.Name)
			}
			return names, out.NextToken
		},
	}
}

// TestPagesOfAListThatChanges puts and deletes parameters between the pages of a list: what is there all the time is
// seen once, and nothing twice.
func TestPagesOfAListThatChanges(t *testing.T) {
	c := nodetest.New(t, nodetest.Options{}).SSM()
	for operation, list := range lists(t, c) {
		round := 0
		rapid.Check(t, func(r *rapid.T) {
			round++
			path := fmt.Sprintf("/%s/%d", operation, round)
			name := rapid.Map(rapid.StringMatching(`[a-e]{1,2}`), func(n string) string { return path + "/" + n })
			there, held := map[string]bool{}, map[string]bool{}
			add := func(n string) {
				if !held[n] {
					put(t, c, &ssm.PutParameterInput{Name: &n, Value: aws.String("x")})
					held[n] = true
				}
			}
			for _, n := range rapid.SliceOfN(name, 1, 6).Draw(r, "parameters") {
				add(n)
				there[n] = true
			}
			size := int32(rapid.IntRange(1, 3).Draw(r, "size"))
			var seen []string
			for token := (*string)(nil); ; {
				names, next := list(path, size, token)
				if len(names) > int(size) {
					r.Fatalf("%d rows on a page of %d", len(names), size)
				}
				seen = append(seen, names...)
				if token = next; token == nil {
					break
				}
				for _, n := range rapid.SliceOfN(name, 0, 2).Draw(r, "new") {
					add(n)
				}
				for _, n := range rapid.SliceOfN(name, 0, 2).Draw(r, "gone") {
					if held[n] {
						if _, err := c.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: &n}); err != nil {
							r.Fatal(err)
						}
					}
					delete(held, n)
					delete(there, n)
				}
			}
			for n := range there {
				if !slices.Contains(seen, n) {
					r.Fatalf("%s: %s was there all the time, and is not among %v", operation, n, seen)
				}
			}
			if slices.Sort(seen); len(slices.Compact(slices.Clone(seen))) != len(seen) {
				r.Fatalf("%s: seen twice: %v", operation, seen)
			}
		})
	}
}
