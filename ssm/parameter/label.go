package parameter

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"postern/aws/fault"
	"postern/aws/scope"
)

var labelPattern = regexp.MustCompile(`^[a-zA-Z_.\-][a-zA-Z0-9_.\-]*$`)

const maxLabel = 100

func validLabel(label string) bool {
	lower := strings.ToLower(label)
	return labelPattern.MatchString(label) && !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm")
}

func checkLabels(labels []string) error {
	if len(labels) < 1 || len(labels) > MaxLabels {
		return invalid("there are %d Labels; 1 to %d may be given", len(labels), MaxLabels)
	}
	for _, label := range labels {
		if label == "" || len(label) > maxLabel {
			return invalid("a label has 1 to %d characters", maxLabel)
		}
	}
	return nil
}

// Label gives labels to a version, 0 being the latest; other versions lose them. It returns the version's number and
// the labels that are none.
func (s *Service) Label(
	ctx context.Context,
	scope scope.Scope,
	name string,
	number int64,
	labels []string,
) (labelled int64, bad []string, err error) {
	if name, err = checkLabelled(scope, name, labels); err != nil {
		return 0, nil, err
	}
	err = s.change(ctx, scope, name, func(h *head) error {
		if labelled = number; number == 0 {
			labelled = h.Latest.Number
		}
		if !h.has(labelled) {
			return noVersion(h.Name, strconv.FormatInt(number, 10))
		}
		h.Labels = maps.Clone(h.Labels)
		if h.Labels == nil {
			h.Labels = map[string]int64{}
		}
		bad = nil
		for _, label := range labels {
			if validLabel(label) {
				h.Labels[label] = labelled
			} else {
				bad = append(bad, label)
			}
		}
		if n := len(h.labelsOf(labelled)); n > MaxLabels {
			return fault.New(fault.Limit, "parameter.Label",
				"version %d of %s would have %d labels; %d are allowed", labelled, h.Name, n, MaxLabels).
				WithCode("ParameterVersionLabelLimitExceeded")
		}
		return nil
	})
	return labelled, bad, err
}

// Unlabel takes labels away from a version. It returns those that it had, and those that it did not have.
func (s *Service) Unlabel(
	ctx context.Context,
	scope scope.Scope,
	name string,
	number int64,
	labels []string,
) (removed, bad []string, err error) {
	if name, err = checkLabelled(scope, name, labels); err != nil {
		return nil, nil, err
	}
	err = s.change(ctx, scope, name, func(h *head) error {
		if !h.has(number) {
			return noVersion(h.Name, strconv.FormatInt(number, 10))
		}
		h.Labels, removed, bad = maps.Clone(h.Labels), nil, nil
		for _, label := range labels {
			if has, ok := h.Labels[label]; ok && has == number {
				delete(h.Labels, label)
				removed = append(removed, label)
			} else if !slices.Contains(removed, label) {
				bad = append(bad, label)
			}
		}
		return nil
	})
	return removed, bad, err
}

func checkLabelled(scope scope.Scope, name string, labels []string) (string, error) {
	name, err := whole(scope, name)
	if err != nil {
		return "", err
	}
	return name, checkLabels(labels)
}
