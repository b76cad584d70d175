package instances

import (
	"cmp"
	"context"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/fault"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
	"postern/ssm/parameter"
)

// architecture is Amazon's name of this host's.
var architecture = cmp.Or(map[string]string{"amd64": "x86_64"}[runtime.GOARCH], runtime.GOARCH)

const imageTime = "2006-01-02T15:04:05.000Z"

var imageFilters = map[string]query.Test[compute.Image]{
	"architecture":        query.Text(func(i compute.Image) string { return i.Architecture }),
	"creation-date":       query.Text(func(i compute.Image) string { return i.Created.UTC().Format(imageTime) }),
	"description":         query.Text(func(i compute.Image) string { return i.Description }),
	"ena-support":         query.Always[compute.Image]("false"),
	"hypervisor":          query.Always[compute.Image]("xen"),
	"image-allowed":       query.Always[compute.Image]("true"),
	"image-id":            query.Text(func(i compute.Image) string { return i.ID }),
	"image-type":          query.Always[compute.Image]("machine"),
	"is-public":           query.Flag(func(i compute.Image) bool { return i.Host }),
	"manifest-location":   query.Text(imageLocation),
	"name":                query.Text(func(i compute.Image) string { return i.Name }),
	"owner-alias":         query.Text(func(i compute.Image) string { return aws.ToString(imageAlias(i)) }),
	"owner-id":            query.Text(imageOwner),
	"root-device-name":    query.Always[compute.Image](rootDevice),
	"root-device-type":    query.Always[compute.Image]("ebs"),
	"state":               query.Always[compute.Image]("available"),
	"virtualization-type": query.Always[compute.Image]("hvm"),
	"public-ssm-parameter-name": func(_ *query.View, i compute.Image, want query.Values) bool {
		return want.Any(i.PublicNames())
	},

	"block-device-mapping.delete-on-termination": query.None[compute.Image],
	"block-device-mapping.device-name":           query.None[compute.Image],
	"block-device-mapping.encrypted":             query.None[compute.Image],
	"block-device-mapping.snapshot-id":           query.None[compute.Image],
	"block-device-mapping.volume-size":           query.None[compute.Image],
	"block-device-mapping.volume-type":           query.None[compute.Image],
	"free-tier-eligible":                         query.None[compute.Image],
	"kernel-id":                                  query.None[compute.Image],
	"platform":                                   query.None[compute.Image],
	"product-code":                               query.None[compute.Image],
	"product-code.type":                          query.None[compute.Image],
	"ramdisk-id":                                 query.None[compute.Image],
	"source-image-id":                            query.None[compute.Image],
	"source-image-region":                        query.None[compute.Image],
	"source-instance-id":                         query.None[compute.Image],
	"sriov-net-support":                          query.None[compute.Image],
	"state-reason-code":                          query.None[compute.Image],
	"state-reason-message":                       query.None[compute.Image],
}

// amazonImages owns the host's image, which is there in every account: the account of Amazon Linux on AWS.
const amazonImages = "137112412989"

func imageOwner(i compute.Image) string {
	if i.Host {
		return amazonImages
	}
	return i.Account
}

func imageAlias(i compute.Image) *string {
	if i.Host {
		return aws.String("amazon")
	}
	return nil
}

func imageLocation(i compute.Image) string { return imageOwner(i) + "/" + i.Name }

func toImage(i compute.Image) types.Image {
	return types.Image{
		ImageId: aws.String(i.ID), Name: aws.String(i.Name), Description: query.Optional(i.Description),
		OwnerId: aws.String(imageOwner(i)), ImageOwnerAlias: imageAlias(i), ImageLocation: aws.String(imageLocation(i)),
		Architecture: types.ArchitectureValues(i.Architecture), CreationDate: aws.String(i.Created.UTC().Format(imageTime)),
		State: types.ImageStateAvailable, ImageType: types.ImageTypeValuesMachine, Public: aws.Bool(i.Host),
		Hypervisor: types.HypervisorTypeXen, VirtualizationType: types.VirtualizationTypeHvm, EnaSupport: aws.Bool(false),
		RootDeviceName: aws.String(
			rootDevice,
		), RootDeviceType: types.DeviceTypeEbs, PlatformDetails: aws.String(platformDetails),
		UsageOperation: aws.String(usageOperation), Tags: tags.ToMap[types.Tag](i.Tags),
	}
}

func (s *service) describeImages(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeImagesInput,
) (*sdk.DescribeImagesOutput, error) {
	list := query.Listing[compute.Image]{
		ID:   func(i compute.Image) string { return i.ID },
		Tags: func(i compute.Image) []network.Tag { return instanceTags(i.Tags) },
		All: func(*query.View) iter.Seq[compute.Image] {
			images := slices.DeleteFunc(s.compute.Images(query.ScopeOf(c)), func(i compute.Image) bool {
				return !owned(c, i, in.Owners) || !executable(c, i, in.ExecutableUsers)
			})
			slices.SortFunc(images, func(a, b compute.Image) int { return strings.Compare(a.ID, b.ID) })
			return slices.Values(images)
		},
		Get:     func(_ *query.View, id string) (compute.Image, error) { return s.compute.Image(query.ScopeOf(c), id) },
		Filters: imageFilters,
	}
	found, next, err := query.Describe(s.view(c), in, list, in.ImageIds, in.Filters)
	return &sdk.DescribeImagesOutput{Images: query.Convert(found, toImage), NextToken: next}, err
}

func owned(c *api.Call, i compute.Image, owners []string) bool {
	return len(owners) == 0 || slices.ContainsFunc(owners, func(o string) bool {
		return o == imageOwner(i) || o == "self" && imageOwner(i) == c.Account || o == "amazon" && i.Host
	})
}

func executable(c *api.Call, i compute.Image, users []string) bool {
	return len(users) == 0 || slices.ContainsFunc(users, func(u string) bool {
		return u == "all" && i.Host || !i.Host && (u == "self" || u == c.Account)
	})
}

// registerImage makes an image of a directory or tar file on the server's host, which imageLocation names by its
// absolute path. It reads whatever the server can read, so only an account's root user may do it.
func (s *service) registerImage(
	ctx context.Context,
	c *api.Call,
	in *sdk.RegisterImageInput,
) (*sdk.RegisterImageOutput, error) {
	path := aws.ToString(in.ImageLocation)
	switch {
	case !strings.HasSuffix(c.Caller.Principal, ":root"):
		return nil, fault.New(fault.Denied, "ec2.registerImage",
			"Only the root user of the account may register an image from a path of the server's host").
			WithCode("UnauthorizedOperation")
	case path == "":
		return nil, query.Required("imageLocation")
	case !filepath.IsAbs(path):
		return nil, query.Invalid(
			"Value (%s) for parameter imageLocation is invalid. "+
				"It is the absolute path of a directory or tar file on the server's host.",
			path,
		)
	case in.Architecture != "" && string(in.Architecture) != architecture:
		return nil, query.Invalid(
			"Value (%s) for parameter architecture is invalid. Instances run on this host, which is %s.",
			in.Architecture,
			architecture,
		)
	case aws.ToString(in.RootDeviceName) != "" && *in.RootDeviceName != rootDevice:
		return nil, query.Unbuilt(c, "a root device other than "+rootDevice)
	case aws.ToString(in.VirtualizationType) != "" && *in.VirtualizationType != "hvm":
		return nil, query.Unbuilt(c, "virtualization type "+*in.VirtualizationType)
	}
	if s.mayImport != nil {
		if err := s.mayImport(path); err != nil {
			return nil, err
		}
	}
	tags, err := s.imageTags(ctx, c, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	image, err := s.compute.Import(ctx, compute.Import{
		Scope: query.ScopeOf(
			c,
		), Name: aws.ToString(in.Name), Description: aws.ToString(in.Description), Path: path, Tags: tags,
	})
	if err != nil {
		return nil, err
	}
	return &sdk.RegisterImageOutput{ImageId: aws.String(image.ID)}, nil
}

// imageTags are the tags of a new image. The one with the names of public parameters is an order, and is judged.
func (s *service) imageTags(
	ctx context.Context,
	c *api.Call,
	specs []types.TagSpecification,
) (map[string]string, error) {
	tags, err := query.TagsFor(ctx, c, "image", specs)
	if err != nil {
		return nil, err
	}
	if err := s.network.CheckTags(nil, tags); err != nil {
		return nil, err
	}
	for _, name := range (compute.Image{Tags: tagMap(tags)}).PublicNames() {
		if err := parameter.CheckPublicName(name); err != nil {
			return nil, fault.New(fault.Invalid, "ec2.imageTags", "Tag %s: %w", compute.PublicTag, err).
				WithCode("InvalidParameterValue")
		}
	}
	return tagMap(tags), nil
}

func (s *service) deregisterImage(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeregisterImageInput,
) (*sdk.DeregisterImageOutput, error) {
	err := s.compute.Deregister(ctx, query.ScopeOf(c), aws.ToString(in.ImageId))
	return &sdk.DeregisterImageOutput{Return: aws.Bool(true)}, err
}

// gib is the size of volumes: bytes of a GiB.
const gib = 1 << 30

// volumeSize is a root volume's size in GiB: what was asked for, else what its image holds, rounded up, and 8 at the
// least. It is not a limit.
func (s *service) volumeSize(i compute.Instance) int32 {
	if i.Volume.Size > 0 {
		return i.Volume.Size
	}
	image, err := s.compute.Image(i.Scope, i.Image)
	if err != nil {
		return 8
	}
	return max(8, int32((image.Size+gib-1)/gib))
}

func (s *service) describeVolumes(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVolumesInput,
) (*sdk.DescribeVolumesOutput, error) {
	list := query.Listing[compute.Instance]{
		ID:   volumeID,
		Tags: func(i compute.Instance) []network.Tag { return instanceTags(i.VolumeTags) },
		All: func(*query.View) iter.Seq[compute.Instance] {
			return slices.Values(slices.DeleteFunc(s.compute.Instances(query.ScopeOf(c)), func(i compute.Instance) bool {
				return i.State == compute.Terminated
			}))
		},
		Get: func(_ *query.View, id string) (compute.Instance, error) {
			if o, err := s.owner(c, id); err == nil && o.volume {
				return o.Instance, nil
			}
			return compute.Instance{}, noVolume(id)
		},
		Filters:    s.volumeFilters(),
		IDsOrPages: true,
	}
	found, next, err := query.Describe(s.view(c), in, list, in.VolumeIds, in.Filters)
	return &sdk.DescribeVolumesOutput{Volumes: query.Convert(found, s.volume), NextToken: next}, err
}

func noVolume(id string) error {
	return fault.New(fault.NotFound, "ec2", "The volume '%s' does not exist.", id).WithCode("InvalidVolume.NotFound")
}

func (s *service) volumeFilters() map[string]query.Test[compute.Instance] {
	return map[string]query.Test[compute.Instance]{
		"attachment.attach-time": query.Text(
			func(i compute.Instance) string { return i.Created.UTC().Format(imageTime) },
		),
		"attachment.delete-on-termination": query.Always[compute.Instance]("true"),
		"attachment.device":                query.Always[compute.Instance](rootDevice),
		"attachment.instance-id":           query.Text(func(i compute.Instance) string { return i.ID }),
		"attachment.status":                query.Always[compute.Instance]("attached"),
		"availability-zone":                query.Text(func(i compute.Instance) string { return i.Zone }),
		"availability-zone-id":             query.Text(func(i compute.Instance) string { return network.ZoneID(i.Zone) }),
		"create-time": query.Text(
			func(i compute.Instance) string { return i.Created.UTC().Format(imageTime) },
		),
		"encrypted":            query.Always[compute.Instance]("false"),
		"fast-restored":        query.Always[compute.Instance]("false"),
		"multi-attach-enabled": query.Always[compute.Instance]("false"),
		"operator.managed":     query.Always[compute.Instance]("false"),
		"operator.principal":   query.None[compute.Instance],
		"size":                 query.Text(s.sizeText),
		"snapshot-id":          query.None[compute.Instance],
		"status":               query.Always[compute.Instance]("in-use"),
		"volume-id":            query.Text(volumeID),
		"volume-type":          query.Text(volumeType),
	}
}

// volume shows an instance's writable layer as its root volume: it stays while the instance is stopped and goes when it
// is terminated.
func (s *service) volume(i compute.Instance) types.Volume {
	iops, throughput := s.rate(i)
	return types.Volume{
		VolumeId: aws.String(
			volumeID(i),
		), VolumeType: types.VolumeType(volumeType(i)), State: types.VolumeStateInUse, Iops: iops, Throughput: throughput,
		Size: aws.Int32(
			s.volumeSize(i),
		), SnapshotId: aws.String(""), Encrypted: aws.Bool(false), MultiAttachEnabled: aws.Bool(false),
		AvailabilityZone: aws.String(
			i.Zone,
		), AvailabilityZoneId: aws.String(network.ZoneID(i.Zone)), CreateTime: aws.Time(i.Created),
		Tags: tags.ToMap[types.Tag](i.VolumeTags),
		Attachments: []types.VolumeAttachment{{
			VolumeId: aws.String(volumeID(i)), InstanceId: aws.String(i.ID), Device: aws.String(rootDevice),
			State: types.VolumeAttachmentStateAttached, DeleteOnTermination: aws.Bool(true), AttachTime: aws.Time(i.Created),
		}},
	}
}
