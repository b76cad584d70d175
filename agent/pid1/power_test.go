package pid1

import (
	"strings"
	"testing"
	"time"
)

func TestParsePower(t *testing.T) {
	now := time.Date(2026, 11, 28, 23, 50, 0, 0, time.UTC)
	for _, tt := range []struct {
		line string
		want Power
		do   bool
	}{
		{"shutdown", Power{Action: PowerOff, After: time.Minute}, true},
		{"shutdown now", Power{Action: PowerOff}, true},
		{"shutdown -h now bye", Power{Action: PowerOff}, true},
		{"shutdown -r +1", Power{Action: Reboot, After: time.Minute}, true},
		{"shutdown -r 5", Power{Action: Reboot, After: 5 * time.Minute}, true},
		{"shutdown -r now", Power{Action: Reboot}, true},
		{"shutdown -rf now", Power{Action: Reboot}, true},
		{"shutdown --reboot 00:10", Power{Action: Reboot, After: 20 * time.Minute}, true},
		{"shutdown -P 23:55", Power{Action: PowerOff, After: 5 * time.Minute}, true},
		{"shutdown -c", Power{Action: Cancel}, true},
		{"shutdown -k now", Power{}, false},
		{"reboot", Power{Action: Reboot}, true},
		{"reboot -f", Power{Action: Reboot, Force: true}, true},
		{"reboot --poweroff", Power{Action: PowerOff}, true},
		{"poweroff", Power{Action: PowerOff}, true},
		{"poweroff -w", Power{}, false},
		{"halt", Power{Action: PowerOff}, true},
		{"halt -p -f", Power{Action: PowerOff, Force: true}, true},
	} {
		words := strings.Fields(tt.line)
		got, do, err := ParsePower(words[0], words[1:], now)
		if err != nil || do != tt.do || do && got != tt.want {
			t.Errorf("%s: %+v, %t, %v", tt.line, got, do, err)
		}
	}
	for _, line := range []string{"shutdown -x now", "shutdown 25:00", "shutdown +-1", "shutdown tomorrow",
		"reboot --when", "shutdown ++5", "shutdown 00:+5", "shutdown -- now", "shutdown 9999999", "shutdown 1:2:3"} {
		words := strings.Fields(line)
		if p, do, err := ParsePower(words[0], words[1:], now); err == nil || do {
			t.Errorf("%s: %+v", line, p)
		}
	}
}

// A time is refused with the text that was given and the forms that there are.
func TestTimesThatAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		"shutdown 24:00":   `time "24:00": write it as hh:mm, +minutes or now`,
		"shutdown 12:60":   `time "12:60": write it as hh:mm, +minutes or now`,
		"shutdown soon":    `time "soon": write it as hh:mm, +minutes (at most 525600) or now`,
		"shutdown +525601": `time "+525601": write it as hh:mm, +minutes (at most 525600) or now`,
		"halt --force=yes": "option --force=yes: not understood",
		"reboot -fz":       "option -z: not understood",
		"poweroff -k":      "option -k: not understood",
	} {
		words := strings.Fields(line)
		if _, _, err := ParsePower(words[0], words[1:], time.Now()); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// Whatever a user types, a request is complete: it has an action, and a time within a year.
func FuzzParsePower(f *testing.F) {
	for _, line := range []string{"now", "-r +5", "-h 23:50 bye", "-c", "-k now", "-rf", "--reboot 0:0", "-P 999999999"} {
		for _, name := range PowerCommands {
			f.Add(name, line, int64(1795910400))
		}
	}
	f.Fuzz(func(t *testing.T, name, line string, at int64) {
		now := time.Unix(at, 0).UTC()
		p, do, err := ParsePower(name, strings.Fields(line), now)
		switch {
		case err != nil && do, err != nil && p != Power{}:
			t.Errorf("%+v, %t beside %v", p, do, err)
		case do && p.Action != Reboot && p.Action != PowerOff && p.Action != Cancel:
			t.Errorf("action %q", p.Action)
		case do && (p.After < 0 || p.After > 365*24*time.Hour):
			t.Errorf("in %v", p.After)
		case name != "shutdown" && p.After != 0:
			t.Errorf("%s has no time: %v", name, p.After)
		}
	})
}
