package compute

import (
	"bufio"
	"os"
	"path"
	"strings"

	"postern/services/compute/userdata"
)

// imageLogins are the users that an instance's key lets in, those of them that the image has: root, and the ones that
// distributions' cloud images are entered as. The host's own accounts are no login of an instance.
var (
	imageLogins = []string{
		"root", "ec2-user", "admin", "debian", "ubuntu", "fedora", "centos", "rocky", "almalinux", "alpine", "opensuse",
		"cloud-user",
	}
	hostLogins = []string{"root"}
)

// authorizedKeys are the files that let an instance's key in, where its root file system has an SSH server. dir is that
// file system on this host; no path in it is followed out of it.
func authorizedKeys(public, dir string, logins []string) (files []userdata.File) {
	root, err := os.OpenRoot(dir)
	if public == "" || err != nil {
		return nil
	}
	defer root.Close()
	if server, err := openInside(root, "usr/sbin/sshd"); err != nil {
		return nil
	} else if server.Close() != nil {
		return nil
	}
	passwd, err := openInside(root, "etc/passwd")
	if err != nil {
		return nil
	}
	defer passwd.Close()
	for lines := bufio.NewScanner(passwd); lines.Scan(); {
		f := strings.Split(lines.Text(), ":") // name, password, user, group, comment, home, shell (passwd(5))
		if len(f) < 7 || !path.IsAbs(f[5]) {
			continue
		}
		for _, login := range logins {
			if f[0] == login {
				files = append(files, userdata.File{
					Path: path.Join(f[5], ".ssh", "authorized_keys"), Owner: login, Mode: 0o600,
					Content: []byte(public + "\n"), Append: true,
				})
			}
		}
	}
	return files
}
