package userdata

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"postern/aws/fault"
)

// maxContent is how large all files may be together once they are unpacked, in bytes.
const maxContent = 64 << 10

// Plan says what is to be done, files first. The zero Plan is nothing.
type Plan struct {
	// Script begins with "#!".
	Script []byte
	Files  []File
}

// File is one file that is to be there.
type File struct {
	Path string
	// Owner is "user:group" or "user".
	Owner   string
	Content []byte
	// Mode are the permission bits.
	Mode uint32
	// Append adds to a file that is there instead of replacing it.
	Append bool `json:",omitempty"`
}

// refused are formats of cloud-init that are not built, by how data of them begins.
var refused = []string{
	"Content-Type:", "MIME-Version:", "#include", "#cloud-boothook", "#cloud-config-archive", "#cloud-config-jsonp",
	"#upstart-job", "#part-handler", "## template:", "\x1f\x8b",
}

// Parse reads user data. What is neither a script nor in a format of cloud-init's plans nothing, as on Amazon's images.
// It fails with NotImplemented for what is not built, naming it, and with Invalid for what cannot be read.
func Parse(data []byte) (Plan, error) {
	for _, beginning := range refused {
		if bytes.HasPrefix(data, []byte(beginning)) {
			return Plan{}, unbuilt("user data that begins with %q", beginning)
		}
	}
	switch first, rest, _ := bytes.Cut(data, []byte("\n")); {
	case bytes.HasPrefix(data, []byte("#!")):
		return Plan{Script: data}, nil
	case strings.TrimSpace(string(first)) == "#cloud-config":
		return parseConfig(rest)
	}
	return Plan{}, nil
}

func unbuilt(format string, args ...any) error {
	return fault.New(fault.NotImplemented, "userdata.Parse",
		format+" is not implemented: a script, or #cloud-config with runcmd and write_files", args...)
}

func bad(format string, args ...any) error {
	return fault.New(fault.Invalid, "userdata.Parse", "User data: "+format, args...).WithCode("InvalidParameterValue")
}

func parseConfig(text []byte) (p Plan, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return p, bad("#cloud-config is no YAML: %v", err)
	}
	if len(document.Content) == 0 || document.Content[0].Tag == "!!null" {
		return p, nil
	}
	top := document.Content[0]
	if top.Kind != yaml.MappingNode {
		return p, bad("#cloud-config is no mapping")
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i].Value, top.Content[i+1]
		switch key {
		case "runcmd":
			p.Script, err = runcmd(value)
		case "write_files":
			p.Files, err = files(value)
		default:
			err = unbuilt("the #cloud-config key %s", key)
		}
		if err != nil {
			return Plan{}, err
		}
	}
	return p, nil
}

// runcmd makes one script of the commands: a text is a line of it, a list one command with its arguments.
func runcmd(list *yaml.Node) ([]byte, error) {
	if list.Kind != yaml.SequenceNode {
		return nil, bad("runcmd is no list")
	}
	var script bytes.Buffer
	script.WriteString("#!/bin/sh\n")
	for _, item := range list.Content {
		switch {
		case item.Tag == "!!null":
		case item.Kind == yaml.ScalarNode:
			script.WriteString(item.Value + "\n")
		case item.Kind == yaml.SequenceNode:
			var words []string
			for _, word := range item.Content {
				if word.Kind != yaml.ScalarNode {
					return nil, bad("an argument in runcmd is no text")
				}
				words = append(words, "'"+strings.ReplaceAll(word.Value, "'", `'\''`)+"'")
			}
			script.WriteString(strings.Join(words, " ") + "\n")
		default:
			return nil, bad("a command in runcmd is neither a text nor a list")
		}
	}
	return script.Bytes(), nil
}

func files(list *yaml.Node) ([]File, error) {
	if list.Kind != yaml.SequenceNode {
		return nil, bad("write_files is no list")
	}
	var out []File
	size := 0
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			return nil, bad("a file in write_files is no mapping")
		}
		f, err := file(item)
		if err != nil {
			return nil, err
		}
		if size += len(f.Content); size > maxContent {
			return nil, bad("write_files are larger than %d bytes", maxContent)
		}
		out = append(out, f)
	}
	return out, nil
}

func file(item *yaml.Node) (File, error) {
	f := File{Owner: "root:root", Mode: 0o644}
	encoding, content := "", ""
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, value := item.Content[i].Value, item.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return f, bad("write_files.%s is no text", key)
		}
		switch key {
		case "path":
			f.Path = value.Value
		case "content":
			content = value.Value
		case "owner":
			f.Owner = value.Value
		case "encoding":
			encoding = value.Value
		case "permissions":
			mode, err := strconv.ParseUint(strings.TrimPrefix(value.Value, "0o"), 8, 12)
			if err != nil {
				return f, bad("write_files.permissions %q is no octal number", value.Value)
			}
			f.Mode = uint32(mode)
		case "append":
			if err := value.Decode(&f.Append); err != nil {
				return f, bad("write_files.append %q is neither true nor false", value.Value)
			}
		default:
			return f, unbuilt("the #cloud-config key write_files.%s", key)
		}
	}
	if !path.IsAbs(f.Path) || strings.ContainsRune(f.Path, 0) {
		return f, bad("write_files.path %q is not absolute", f.Path)
	}
	var err error
	f.Content, err = decode(encoding, content)
	return f, err
}

// decode unpacks a file's content as cloud-init does.
func decode(encoding, content string) ([]byte, error) {
	packed, coded := false, false
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "text/plain":
	case "b64", "base64":
		coded = true
	case "gz", "gzip":
		packed = true
	case "gz+b64", "gz+base64", "gzip+b64", "gzip+base64":
		packed, coded = true, true
	default:
		return nil, unbuilt("the write_files.encoding %s", encoding)
	}
	data := []byte(content)
	if coded {
		var err error
		if data, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(content), "")); err != nil {
			return nil, bad("write_files.content is no base64")
		}
	}
	if !packed {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(z, maxContent+1))
	}
	switch {
	case err != nil:
		return nil, bad("write_files.content is not compressed by gzip: %s", fmt.Sprint(err))
	case len(data) > maxContent:
		return nil, bad("write_files.content is larger than %d bytes", maxContent)
	}
	return data, nil
}
