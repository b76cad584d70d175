package cli

import (
	"strconv"
	"time"
)

// duration is a flag: seconds, or a number with its unit.
type duration time.Duration

// Set implements pflag.Value.
func (d *duration) Set(text string) error {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		*d = duration(seconds * float64(time.Second))
		return nil
	}
	one, err := time.ParseDuration(text)
	if err != nil || one < 0 {
		return errForm("90s, 5m or 2h")
	}
	*d = duration(one)
	return nil
}

// Type implements pflag.Value.
func (*duration) Type() string { return "duration" }

func (d *duration) String() string { return time.Duration(*d).String() }

// errForm tells how a flag's value is written.
type errForm string

func (e errForm) Error() string { return "write it as " + string(e) }
