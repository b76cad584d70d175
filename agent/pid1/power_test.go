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
		"reboot --when"} {
		words := strings.Fields(line)
		if p, do, err := ParsePower(words[0], words[1:], now); err == nil || do {
			t.Errorf("%s: %+v", line, p)
		}
	}
}
