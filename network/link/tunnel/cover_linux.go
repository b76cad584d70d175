package tunnel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const resolvConf = "/etc/resolv.conf"

// caBundles lists where systems keep their certificates in one file: Debian and Alpine, Fedora and RHEL, openSUSE, and
// a fallback of several.
var caBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// hostResolvers are directories with sockets by which programs would ask the host's name services instead of reading
// resolv.conf: systemd-resolved's and nscd's.
var hostResolvers = []string{"/run/systemd/resolve", "/run/nscd", "/var/run/nscd"}

// stages are directories over which a file system may lie for a moment.
var stages = []string{"/tmp", "/mnt", "/var/tmp", "/run"}

// coverFiles changes, in this mount namespace only, what programs read about names and trust. It returns the path of a
// bundle of certificates with the server's CA; empty if the system has none that could be covered.
func coverFiles(c *Config) (bundle string, err error) {
	names, err := filepath.EvalSymlinks(resolvConf)
	if err != nil {
		return "", fmt.Errorf("%s is needed, to cover it: %w", resolvConf, err)
	}
	for _, dir := range hostResolvers {
		if err := emptyOver(dir); err != nil {
			return "", err
		}
	}
	stage, err := openStage()
	if err != nil {
		return "", err
	}
	defer func() {
		if e := unix.Unmount(stage, unix.MNT_DETACH); e != nil && err == nil {
			err = fmt.Errorf("uncover %s: %w", stage, e)
		}
	}()
	if err := cover(stage, names, resolvText(c)); err != nil {
		return "", err
	}
	if len(c.Grant.CA) == 0 {
		return "", nil
	}
	done := map[string]bool{}
	for _, path := range caBundles {
		real, err := filepath.EvalSymlinks(path)
		if err != nil || done[real] {
			continue // this system keeps its certificates elsewhere
		}
		done[real] = true
		certificates, err := os.ReadFile(real)
		if err != nil {
			return "", fmt.Errorf("the system's certificates: %w", err)
		}
		if err := cover(stage, real, append(append(certificates, '\n'), c.Grant.CA...)); err != nil {
			return "", err
		}
		if bundle == "" {
			bundle = path
		}
	}
	return bundle, nil
}

// resolvText is resolv.conf(5) as the VPC's DHCP options have it.
func resolvText(c *Config) []byte {
	var b strings.Builder
	b.WriteString("# written by postern attach\n")
	if len(c.Grant.Search) > 0 {
		b.WriteString("search " + strings.Join(c.Grant.Search, " ") + "\n")
	}
	for _, a := range c.Grant.NameServers() {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	return []byte(b.String())
}

// emptyOver hides what a directory holds, if there is one.
func emptyOver(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("hide %s: %w", dir, err)
	}
	return nil
}

// openStage lays an empty file system in memory over a directory. The files made there live on where they are bound.
func openStage() (string, error) {
	for _, dir := range stages {
		if _, err := os.Stat(dir); err == nil {
			return dir, emptyOver(dir)
		}
	}
	return "", fmt.Errorf("none of %s exists, to prepare files in", strings.Join(stages, ", "))
}

// cover puts content in the place of a file.
func cover(stage, path string, content []byte) error {
	if _, err := os.Stat(path); err != nil {
		// It was in a directory that is hidden now.
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		return nil
	}
	file := filepath.Join(stage, strings.ReplaceAll(path, "/", "_"))
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("prepare %s: %w", path, err)
	}
	if err := unix.Mount(file, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	return nil
}
