package tags_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/api/tags"
	"postern/aws/service/iam/types"
)

type tag struct{ Key, Value string }

func text(s string) *string { return &s }

func TestConversions(t *testing.T) {
	asked := []types.Tag{{Key: text("b"), Value: text("2")}, {Key: text("a")}, {}}
	kept := []tag{{"b", "2"}, {"a", ""}, {"", ""}}
	if diff := cmp.Diff(kept, tags.From[tag](asked)); diff != "" {
		t.Error(diff)
	}
	told := []types.Tag{
		{Key: text("b"), Value: text("2")}, {Key: text("a"), Value: text("")}, {Key: text(""), Value: text("")},
	}
	if diff := cmp.Diff(told, tags.To[types.Tag](kept)); diff != "" {
		t.Error(diff)
	}
	if got := tags.To[types.Tag]([]tag{}); got != nil {
		t.Errorf("no tags are %v", got)
	}
	if got := tags.From[tag]([]types.Tag(nil)); got == nil || len(got) != 0 {
		t.Errorf("no tags are read as %v", got)
	}
}

func TestMaps(t *testing.T) {
	got, err := tags.FromMap([]types.Tag{{Key: text("b"), Value: text("2")}, {Key: text("a"), Value: text("1")}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, got); diff != "" {
		t.Error(diff)
	}
	want := []types.Tag{{Key: text("a"), Value: text("1")}, {Key: text("b"), Value: text("2")}}
	if diff := cmp.Diff(want, tags.ToMap[types.Tag](got)); diff != "" {
		t.Error(diff)
	}
	if got := tags.ToMap[types.Tag](nil); got != nil {
		t.Errorf("no tags are %v", got)
	}
	if _, err := tags.FromMap([]types.Tag{{Key: text("a")}, {Key: text("a")}}); err == nil {
		t.Error("a key that stands twice was taken")
	}
}

func TestConditions(t *testing.T) {
	asked := []types.Tag{{Key: text("b"), Value: text("2")}, {Key: text("a"), Value: text("1")}}
	want := map[string][]string{"aws:RequestTag/a": {"1"}, "aws:RequestTag/b": {"2"}, "aws:TagKeys": {"b", "a"}}
	if diff := cmp.Diff(want, tags.Conditions(nil, asked)); diff != "" {
		t.Error(diff)
	}
	own := map[string][]string{"x": {"y"}}
	if got := tags.Conditions(own, []types.Tag(nil)); len(got) != 1 {
		t.Errorf("no tags give %v", got)
	}
}
