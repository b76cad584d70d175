package report

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where a run took place. What cannot be found out is "unknown", or 0.
type Machine struct {
	CPU    string
	Cores  int
	Memory uint64 // bytes
	Kernel string
	Go     string
}

// ThisMachine describes the machine that it runs on.
func ThisMachine() Machine {
	m := Machine{
		CPU:    field("/proc/cpuinfo", "model name"),
		Cores:  runtime.NumCPU(),
		Kernel: runtime.GOOS,
		Go:     runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH,
	}
	if kilobytes, _, ok := strings.Cut(field("/proc/meminfo", "MemTotal"), " "); ok {
		n, _ := strconv.ParseUint(kilobytes, 10, 64) // not a number: unknown
		m.Memory = n * 1024
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(release))
	}
	return m
}

// field is the first value under a name in a file of "name : value" lines.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
