package mgs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// AgentPackage names postern-agent in manifests, and the directory of its releases in the bucket amazon-ssm-REGION.
const AgentPackage = "postern-agent"

// ManifestKey is the key of the manifest of postern-agent in that bucket. Amazon's agent reads another one, and never
// takes this agent for its own.
const ManifestKey = AgentPackage + "/manifest.json"

// Manifest lists the releases of agents, in the form of Amazon's ssm-agent-manifest.json.
type Manifest struct {
	SchemaVersion string
	URIFormat     string `json:"UriFormat"`
	Packages      []ManifestPackage
}

// ManifestPackage has the files of one program, one for each platform.
type ManifestPackage struct {
	Name  string
	Files []ManifestFile
}

// ManifestFile has the releases of a program for one platform.
type ManifestFile struct {
	Name              string
	AvailableVersions []ManifestVersion
}

// ManifestVersion is one release.
type ManifestVersion struct {
	Version string
	// Checksum is the SHA-256 of the file in hexadecimal.
	Checksum string
	// Status is "Active", "Inactive" or "Deprecated"; only an active one is taken without being named.
	Status string
}

// AgentFile names the program for a platform, in Go's words for it: "linux", "amd64".
func AgentFile(system, architecture string) string {
	return AgentPackage + "-" + system + "-" + architecture
}

// ReleaseKey is the key of a release's file in the bucket.
func ReleaseKey(version, file string) string { return AgentPackage + "/" + version + "/" + file }

// Add puts a release in, in the place of one of the same version.
func (m *Manifest) Add(file string, v ManifestVersion) {
	m.SchemaVersion = "1.0"
	m.URIFormat = "https://s3.{Region}.amazonaws.com/amazon-ssm-{Region}/{PackageName}/{PackageVersion}/{FileName}"
	p := slices.IndexFunc(m.Packages, func(p ManifestPackage) bool { return p.Name == AgentPackage })
	if p < 0 {
		p, m.Packages = len(m.Packages), append(m.Packages, ManifestPackage{Name: AgentPackage})
	}
	files := &m.Packages[p].Files
	f := slices.IndexFunc(*files, func(f ManifestFile) bool { return f.Name == file })
	if f < 0 {
		f, *files = len(*files), append(*files, ManifestFile{Name: file})
	}
	all := &(*files)[f].AvailableVersions
	*all = append(slices.DeleteFunc(*all, func(o ManifestVersion) bool { return o.Version == v.Version }), v)
	slices.SortFunc(*all, func(a, b ManifestVersion) int { return CompareVersions(a.Version, b.Version) })
}

// Find returns the release of a version, or the newest active one if that is empty.
func (m *Manifest) Find(file, version string) (found ManifestVersion, ok bool) {
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, v := range f.AvailableVersions {
				if p.Name != AgentPackage || f.Name != file || version != "" && v.Version != version ||
					version == "" && v.Status != "Active" {
					continue
				}
				if !ok || CompareVersions(v.Version, found.Version) > 0 {
					found, ok = v, true
				}
			}
		}
	}
	return found, ok
}

// CompareVersions orders versions by their numbers, as "3.3.9.0" before "3.3.10.0".
func CompareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		if c := cmp.Compare(number(x, i), number(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

func number(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		return -1
	}
	return n
}
