package compute

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
	"postern/services/compute/guest"
)

// Image is a root file system that instances are made from.
type Image struct {
	ID string
	scope.Scope
	Name, Description string
	// Architecture is Amazon's name of it, "x86_64" or "arm64".
	Architecture string
	Created      time.Time
	// Host marks the image that is this host's own root file system. It is there in every account and region.
	Host bool
	// RealAgent says that the image brings amazon-ssm-agent, which its instances then run.
	RealAgent bool
	// Size is the sum of its files in bytes, 0 for the host's.
	Size int64
	Tags map[string]string
}

var (
	imagesByName = &record.Index[Image]{Grouped: true, Terms: func(i *Image) []record.Term {
		return []record.Term{{Value: nameGroup(i.Scope, i.Name)}}
	}}
	images = &record.Kind[Image]{
		Name:    "image",
		Key:     func(i *Image) string { return i.ID },
		Groups:  func(i *Image) []string { return []string{i.Scope.String(), nameGroup(i.Scope, i.Name)} },
		Indexes: []*record.Index[Image]{imagesByName},
	}
)

// nameGroup returns the group of the records of a scope that have a name which is to be unique.
func nameGroup(c scope.Scope, name string) string { return c.String() + "/name/" + strconv.Quote(name) }

// PublicTag is the key of the tag with the names of the public parameters, between spaces, whose value is the image's
// id.
const PublicTag = "postern:public-parameters"

// PublicNames are the public parameters whose value is the image's id.
func (i Image) PublicNames() []string { return strings.Fields(i.Tags[PublicTag]) }

// HostImage is the id of the host's own image in a region.
func HostImage(region string) string {
	sum := sha256.Sum256([]byte("postern host image in " + region))
	return "ami-0" + hex.EncodeToString(sum[:8])
}

// HostImageName is the name of the host's own image.
const HostImageName = "postern-host"

func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

func (s *Service) hostImage(c scope.Scope) Image {
	return Image{
		ID: HostImage(c.Region), Scope: c, Name: HostImageName,
		Description:  "The root file system of Postern's host, read-only",
		Architecture: architecture(), Created: s.opened, Host: true,
	}
}

// Images returns the images of a scope: the host's own first, then the imported ones by id.
func (s *Service) Images(c scope.Scope) []Image {
	out := []Image{s.hostImage(c)}
	for i := range images.In(s.replica.Tables(), c.String()) {
		out = append(out, *i)
	}
	return out
}

// Image returns one image: InvalidAMIID.NotFound if the scope has none of that id.
func (s *Service) Image(c scope.Scope, id string) (Image, error) {
	return s.findImage(s.replica.Tables(), c, id)
}

func (s *Service) findImage(t *record.Tables, c scope.Scope, id string) (Image, error) {
	if id == HostImage(c.Region) {
		return s.hostImage(c), nil
	}
	digits, ok := strings.CutPrefix(id, "ami-")
	if !ok || len(digits) != 8 && len(digits) != 17 || strings.Trim(digits, "0123456789abcdef") != "" {
		return Image{}, fault.New(fault.Invalid, "compute.Image", "Invalid id: \"%s\" (expecting \"ami-...\")", id).
			WithCode("InvalidAMIID.Malformed")
	}
	if i, ok := images.Get(t, id); ok && i.Scope == c {
		return *i, nil
	}
	return Image{}, fault.New(fault.NotFound, "compute.Image", "The image id '[%s]' does not exist", id).
		WithCode("InvalidAMIID.NotFound")
}

func (s *Service) imageRoot(id string) string { return filepath.Join(s.imageDir(id), "root") }

// Deregister forgets an imported image and removes its files. Instances that were made from it must be gone first:
// their layers stand on it.
func (s *Service) Deregister(ctx context.Context, c scope.Scope, id string) error {
	err := s.change(ctx, c, func(p *record.Plan) error {
		i, err := s.findImage(p.Tables, c, id)
		if err != nil {
			return err
		}
		if i.Host {
			return fault.New(fault.Denied, "compute.Deregister", "The host's own image cannot be deregistered").
				WithCode("OperationNotPermitted")
		}
		for user := range byImage.Find(p.Tables, id) {
			return fault.New(fault.InUse, "compute.Deregister", "The image '%s' is in use by instance '%s'", id, user.ID).
				WithCode("DependencyViolation")
		}
		images.Delete(p, id, false)
		return nil
	})
	if err != nil {
		return err
	}
	return guest.Remove(s.imageDir(id))
}
