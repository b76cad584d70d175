package fault

import (
	"fmt"
	"slices"
	"strings"
)

// All looks up every id of a request. An id that is refused for anything but fault.NotFound is said at once; those that
// name nothing are named together, in the request's order, as Amazon names them.
func All[T any](ids []string, get func(id string) (T, error)) ([]T, error) {
	found := make([]T, 0, len(ids))
	var missing []string
	var first *Error
	for _, id := range ids {
		v, err := get(id)
		switch {
		case err == nil:
			found = append(found, v)
		case !Is(err, NotFound):
			return nil, err
		case first == nil:
			first, missing = Of(err), []string{id}
		case !slices.Contains(missing, id):
			missing = append(missing, id)
		}
	}
	if first == nil {
		return found, nil
	}
	return nil, first.naming(missing)
}

// naming returns the error with all of the ids where it has the first: "The vpc ID 'vpc-1' does not exist" becomes "The
// vpc IDs 'vpc-1, vpc-2' do not exist".
func (e *Error) naming(ids []string) *Error {
	before, after, ok := strings.Cut(e.Message, ids[0])
	if len(ids) == 1 || !ok {
		return e
	}
	if head, tail, ok := strings.Cut(after, "does not exist"); ok {
		after = head + "do not exist" + tail
		if space := strings.LastIndexByte(before, ' '); space > 0 {
			before = before[:space] + "s" + before[space:]
		}
	}
	before = strings.Replace(before, "[TotalCount: 1]", fmt.Sprintf("[TotalCount: %d]", len(ids)), 1) // of flow logs
	several := *e
	several.Message = before + strings.Join(ids, ", ") + after
	return &several
}
