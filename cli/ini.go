package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ini is one of the AWS tools' files of settings (config, credentials), line by line, so that what is not ours stays
// as it is: comments, order, settings that nobody here knows.
type ini struct {
	path  string
	lines []string
}

// openINI reads a file; one that is not there is empty.
func openINI(path string) (*ini, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f := &ini{path: path}
	if len(text) > 0 {
		f.lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
	return f, nil
}

// sectionOf returns the name in a section's head, "profile lab" for [profile "lab"], and whether the line is one.
func sectionOf(line string) (string, bool) {
	line = strings.TrimSpace(line)
	end := strings.IndexByte(line, ']')
	if !strings.HasPrefix(line, "[") || end < 0 {
		return "", false
	}
	return strings.Join(strings.Fields(strings.NewReplacer(`"`, "", "'", "").Replace(line[1:end])), " "), true
}

// settingOf returns the key and value of a line. Comments have none, and neither have indented lines: they belong to
// the setting above them.
func settingOf(line string) (key, value string, ok bool) {
	if line == "" || strings.ContainsAny(line[:1], " \t#;[") {
		return "", "", false
	}
	key, value, ok = strings.Cut(line, "=")
	return strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value), ok
}

// bounds returns the lines of a section, from the one below its head to the next head; start is negative where it is
// not there.
func (f *ini) bounds(section string) (start, end int) {
	start = -1
	for i, line := range f.lines {
		name, head := sectionOf(line)
		switch {
		case head && start >= 0:
			return start, i
		case head && name == section:
			start = i + 1
		}
	}
	return start, len(f.lines)
}

// get reads a section; ok says that it is there.
func (f *ini) get(section string) (settings map[string]string, ok bool) {
	start, end := f.bounds(section)
	if start < 0 {
		return nil, false
	}
	settings = map[string]string{}
	for _, line := range f.lines[start:end] {
		if key, value, ok := settingOf(line); ok {
			settings[key] = value
		}
	}
	return settings, true
}

// setting is a key with its value; an empty value takes the key out.
type setting struct{ key, value string }

// set changes settings of a section, which it adds at the end where it is not there.
func (f *ini) set(section string, settings ...setting) {
	start, _ := f.bounds(section)
	if start < 0 {
		if len(f.lines) > 0 && strings.TrimSpace(f.lines[len(f.lines)-1]) != "" {
			f.lines = append(f.lines, "")
		}
		f.lines = append(f.lines, "["+section+"]")
	}
	for _, s := range settings {
		f.put(section, s)
	}
}

func (f *ini) put(section string, s setting) {
	start, end := f.bounds(section)
	at, last := -1, start
	for i := start; i < end; i++ {
		key, _, ok := settingOf(f.lines[i])
		if ok && key == s.key {
			at = i
		}
		if strings.TrimSpace(f.lines[i]) != "" {
			last = i + 1
		}
	}
	line := s.key + " = " + s.value
	switch {
	case at >= 0 && s.value == "":
		f.lines = append(f.lines[:at], f.lines[at+1:]...)
	case at >= 0:
		f.lines[at] = line
	case s.value != "":
		f.lines = append(f.lines[:last], append([]string{line}, f.lines[last:]...)...)
	}
}

// save replaces the file at once, or leaves it as it was. A link stays one, and a file's mode stays; a new file is its
// owner's alone.
func (f *ini) save() error {
	path, mode := f.path, fs.FileMode(0o600)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replaceFile(path, mode, strings.NewReader(strings.Join(f.lines, "\n")+"\n"))
}

// replaceFile puts a file in the place of the one that is there, all of it or nothing.
func replaceFile(path string, mode fs.FileMode, content io.WriterTo) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // nothing is there after the rename
	_, err = content.WriteTo(temporary)
	if err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
