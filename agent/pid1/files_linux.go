package pid1

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// file is one file that user data asks for.
type file struct {
	Path, Owner string
	Content     []byte
	Mode        uint32
	Append      bool
}

// writeFiles writes, once in the life of the instance, the files that user data asks for. One that cannot be written
// keeps none of the others from being.
func (i *initProcess) writeFiles() {
	if i.Files == "" {
		return
	}
	mark := filepath.Join(i.cloudDir(), "sem", "config_write_files")
	if _, err := os.Stat(mark); err == nil {
		return
	}
	text, err := os.ReadFile(i.Files)
	var all []file
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		i.log("write_files: %v", err)
		return
	}
	for _, f := range all {
		if err := f.write(); err != nil {
			i.log("write_files: %v", err)
		}
	}
	if err = os.MkdirAll(filepath.Dir(mark), 0o755); err == nil {
		err = os.WriteFile(mark, nil, 0o644)
	}
	if err != nil {
		i.log("write_files: %v", err)
	}
}

func (f *file) write() error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if f.Append {
		how = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	out, err := os.OpenFile(f.Path, how, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(f.Content); err != nil {
		return err
	}
	uid, gid, err := owner(f.Owner)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if err := out.Chown(uid, gid); err != nil {
		return err
	}
	// The bits above the permissions are not those of fs.FileMode.
	mode := fs.FileMode(f.Mode & 0o777)
	for bit, special := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if f.Mode&bit != 0 {
			mode |= special
		}
	}
	return out.Chmod(mode)
}

// owner looks "user:group" up in the guest; without a group it is the user's own.
func owner(text string) (uid, gid int, err error) {
	name, group, hasGroup := strings.Cut(text, ":")
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	id := u.Gid
	if hasGroup {
		g, err := user.LookupGroup(group)
		if err != nil {
			return 0, 0, err
		}
		id = g.Gid
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(id)
	return uid, gid, err
}
