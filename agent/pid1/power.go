package pid1

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PowerCommands are the names under which this program turns its instance off or boots it again.
var PowerCommands = []string{"shutdown", "reboot", "poweroff", "halt"}

// Action names a change of an instance's power state.
type Action string

// The actions.
const (
	Reboot   Action = "reboot"
	PowerOff Action = "poweroff"
	// Cancel takes back what was asked for and has not begun.
	Cancel Action = "cancel"
)

// Power is a request to the instance's first process.
type Power struct {
	Action Action
	// After delays the action; 0 means at once.
	After time.Duration
	// Force leaves processes no time to end. Nothing asks for a time with it.
	Force bool `json:"-"`
}

// errUsage is returned for a command line that is not understood.
var errUsage = errors.New("not understood")

// ParsePower reads the command line of one of PowerCommands. It returns false where nothing is to be done.
func ParsePower(name string, args []string, now time.Time) (p Power, do bool, err error) {
	p = Power{Action: PowerOff}
	if name == "reboot" {
		p.Action = Reboot
	}
	var words []string
	for _, arg := range spread(args) {
		switch {
		case name == "shutdown" && arg == "-c":
			return Power{Action: Cancel}, true, nil
		case name == "shutdown" && arg == "-k", arg == "-w", arg == "--wtmp-only":
			return Power{}, false, nil // only words and records, of which an instance has none
		case arg == "-r" && name == "shutdown", arg == "--reboot":
			p.Action = Reboot
		case name == "shutdown" && slices.Contains([]string{"-h", "-P", "-H"},
			arg), arg == "-p", arg == "--poweroff", arg == "--halt":
			p.Action = PowerOff
		case name != "shutdown" && (arg == "-f" || arg == "--force"):
			p.Force = true
		case slices.Contains([]string{"-d", "-f", "-F", "-n", "-i", "-q", "--no-wall", "--no-wtmp", "--no-sync"}, arg):
		case strings.HasPrefix(arg, "-"):
			return Power{}, false, fmt.Errorf("option %s: %w", arg, errUsage)
		default:
			words = append(words, arg)
		}
	}
	if name == "shutdown" {
		if p.After, err = parseTime(append(words, "+1")[0], now); err != nil {
			return Power{}, false, err
		}
	}
	return p, true, nil
}

// spread takes short options that stand together apart.
func spread(args []string) (out []string) {
	for _, arg := range args {
		if len(arg) < 3 || arg[0] != '-' || arg[1] == '-' {
			out = append(out, arg)
			continue
		}
		for _, letter := range arg[1:] {
			out = append(out, "-"+string(letter))
		}
	}
	return out
}

// parseTime reads shutdown(8)'s time: "now", minutes with or without a plus, or an hour and minute of the next day's
// length.
func parseTime(text string, now time.Time) (time.Duration, error) {
	if text == "now" {
		return 0, nil
	}
	if hour, minute, ok := strings.Cut(text, ":"); ok {
		h, err1 := strconv.ParseUint(hour, 10, 8) // without a sign
		m, err2 := strconv.ParseUint(minute, 10, 8)
		if err1 != nil || err2 != nil || h > 23 || m > 59 {
			return 0, fmt.Errorf("time %q: write it as hh:mm, +minutes or now", text)
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), int(h), int(m), 0, 0, now.Location())
		if at.Before(now) {
			at = at.AddDate(0, 0, 1)
		}
		return at.Sub(now), nil
	}
	const most = 365 * 24 * 60
	minutes, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 32)
	if err != nil || minutes > most {
		return 0, fmt.Errorf("time %q: write it as hh:mm, +minutes (at most %d) or now", text, most)
	}
	return time.Duration(minutes) * time.Minute, nil
}
