package agent

import (
	"bufio"
	"net"
	"os"
	"runtime"
	"strings"
)

// platform describes the host.
type platform struct {
	kind, name, version string // "Linux", "Debian GNU/Linux", "12"
}

func readPlatform() platform {
	p := platform{kind: "Linux", name: runtime.GOOS, version: ""}
	if runtime.GOOS == "darwin" {
		p.kind = "MacOS"
	}
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return p
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		key, value, _ := strings.Cut(s.Text(), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "NAME":
			p.name = value
		case "VERSION_ID":
			p.version = value
		}
	}
	return p
}

// address returns the first address of the host that is not loopback's, empty for none.
func address() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return ""
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
