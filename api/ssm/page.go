package ssm

import (
	"encoding/base64"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// size is how many rows a page has; a request that does not say gets the most.
func size(max *int32, most int) int {
	if max == nil {
		return most
	}
	return int(*max)
}

// token writes where the next page begins.
func token(place any) *string {
	b, err := json.Marshal(place)
	if err != nil {
		panic("ssm: " + err.Error()) // only strings, numbers and times
	}
	return aws.String(base64.RawURLEncoding.EncodeToString(b))
}

// readToken reads what token wrote into place; no token leaves it as it is.
func readToken(t *string, place any) error {
	if aws.ToString(t) == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(*t)
	if err == nil {
		err = json.Unmarshal(b, place)
	}
	if err != nil {
		return invalid("InvalidNextToken", "NextToken is not one that a previous answer held")
	}
	return nil
}

// slice is one page of a list that is there as a whole, by index.
func slice[T any](all []T, max *int32, next *string, most int) ([]T, *string, error) {
	n := size(max, most)
	var from int
	if err := readToken(next, &from); err != nil {
		return nil, nil, err
	}
	if from < 0 || from > len(all) {
		return nil, nil, invalid("InvalidNextToken", "NextToken is not one that a previous answer held")
	}
	to := min(from+n, len(all))
	if to == len(all) {
		return all[from:to], nil, nil
	}
	return all[from:to], token(to), nil
}
