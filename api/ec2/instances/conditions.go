package instances

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

// ResourceTypes are the types of instances and of what they are made from, with what tells policies about them. An
// image has no account in its ARN.
func ResourceTypes(c Config) map[string]api.ResourceType {
	s := newService(c)
	image := func(r api.Resource) (compute.Image, error) { return s.compute.Image(query.ScopeOfResource(r), r.ID) }
	keyPair := func(r api.Resource) (compute.KeyPair, error) {
		return s.compute.KeyPair(query.ScopeOfResource(r), r.ID)
	}
	return map[string]api.ResourceType{
		"instance": {
			Tags:  held(s.instanceAsked, func(i compute.Instance) map[string]string { return i.Tags }),
			IDKey: "ec2:InstanceID", Keys: query.Found(s.instanceAsked, instanceValues),
		},
		"volume": {
			Tags:  held(s.volumeAsked, func(i compute.Instance) map[string]string { return i.VolumeTags }),
			IDKey: "ec2:VolumeID", Keys: query.Found(s.volumeAsked, s.volumeValues()),
		},
		"image": {
			NoAccount: true, IDKey: "ec2:ImageID",
			Tags: held(image, func(i compute.Image) map[string]string { return i.Tags }),
			Keys: query.Found(image, query.KeyValues[compute.Image]{
				"ec2:ImageType":      func(api.Resource, compute.Image) string { return string(types.ImageTypeValuesMachine) },
				"ec2:Owner":          func(_ api.Resource, i compute.Image) string { return aws.ToString(ownerName(i)) },
				"ec2:Public":         func(_ api.Resource, i compute.Image) string { return strconv.FormatBool(i.Host) },
				"ec2:RootDeviceType": func(api.Resource, compute.Image) string { return string(types.DeviceTypeEbs) },
			}),
		},
		query.KeyPairType: {
			Tags: held(keyPair, func(k compute.KeyPair) map[string]string { return k.Tags }),
			Keys: query.Found(keyPair, query.KeyValues[compute.KeyPair]{
				"ec2:KeyPairName": func(_ api.Resource, k compute.KeyPair) string { return k.Name },
				"ec2:KeyPairType": func(_ api.Resource, k compute.KeyPair) string { return k.Type },
			}),
		},
	}
}

// ownerName returns who an image belongs to, as policies say it: Amazon by its alias.
func ownerName(i compute.Image) *string {
	if alias := imageAlias(i); alias != nil {
		return alias
	}
	return aws.String(i.Account)
}

// held makes what tells the tags of a resource that find returns.
func held[T any](
	find func(api.Resource) (T, error), tags func(T) map[string]string,
) func(context.Context, api.Resource) (map[string]string, error) {
	return func(_ context.Context, r api.Resource) (map[string]string, error) {
		found, err := find(r)
		if err != nil {
			return nil, nil // there is none
		}
		return tags(found), nil
	}
}

func (s *service) instanceAsked(r api.Resource) (compute.Instance, error) {
	return s.compute.Instance(query.ScopeOfResource(r), r.ID)
}

func (s *service) volumeAsked(r api.Resource) (compute.Instance, error) {
	return s.compute.Instance(query.ScopeOfResource(r), "i-"+strings.TrimPrefix(r.ID, "vol-"))
}

// What is the same of every instance and volume.
const (
	onDemand    = "on-demand"
	noRecovery  = string(types.InstanceAutoRecoveryStateDisabled)
	notEBSOwn   = "false" // ec2:EbsOptimized
	unencrypted = "false"
)

var instanceValues = query.KeyValues[compute.Instance]{
	"ec2:AvailabilityZone":     func(_ api.Resource, i compute.Instance) string { return i.Zone },
	"ec2:AvailabilityZoneId":   func(_ api.Resource, i compute.Instance) string { return network.ZoneID(i.Zone) },
	"ec2:EbsOptimized":         func(api.Resource, compute.Instance) string { return notEBSOwn },
	"ec2:InstanceAutoRecovery": func(api.Resource, compute.Instance) string { return noRecovery },
	"ec2:InstanceMarketType":   func(api.Resource, compute.Instance) string { return onDemand },
	"ec2:InstanceMetadataTags": func(_ api.Resource, i compute.Instance) string { return enabled(i.Metadata.TagsEnabled) },
	"ec2:InstanceProfile":      func(_ api.Resource, i compute.Instance) string { return i.Profile.ARN },
	"ec2:InstanceType":         func(_ api.Resource, i compute.Instance) string { return i.Type },
	"ec2:MetadataHttpEndpoint": func(_ api.Resource, i compute.Instance) string { return enabled(!i.Metadata.Disabled) },
	"ec2:MetadataHttpPutResponseHopLimit": func(_ api.Resource, i compute.Instance) string {
		return strconv.Itoa(i.Metadata.HopLimit)
	},
	"ec2:MetadataHttpTokens": func(_ api.Resource, i compute.Instance) string { return tokens(i.Metadata.TokensRequired) },
	"ec2:RootDeviceType":     func(api.Resource, compute.Instance) string { return string(types.DeviceTypeEbs) },
	"ec2:Tenancy":            func(api.Resource, compute.Instance) string { return string(types.TenancyDefault) },
}

func enabled(is bool) string {
	if is {
		return "enabled"
	}
	return "disabled"
}

func tokens(required bool) string {
	if required {
		return string(types.HttpTokensStateRequired)
	}
	return string(types.HttpTokensStateOptional)
}

func (s *service) volumeValues() query.KeyValues[compute.Instance] {
	number := func(n *int32) string {
		if n == nil {
			return ""
		}
		return strconv.Itoa(int(*n))
	}
	return query.KeyValues[compute.Instance]{
		"ec2:AvailabilityZone":   func(_ api.Resource, i compute.Instance) string { return i.Zone },
		"ec2:AvailabilityZoneId": func(_ api.Resource, i compute.Instance) string { return network.ZoneID(i.Zone) },
		"ec2:Encrypted":          func(api.Resource, compute.Instance) string { return unencrypted },
		"ec2:VolumeIops": func(_ api.Resource, i compute.Instance) string {
			iops, _ := s.rate(i)
			return number(iops)
		},
		"ec2:VolumeSize": func(_ api.Resource, i compute.Instance) string { return s.sizeText(i) },
		"ec2:VolumeThroughput": func(_ api.Resource, i compute.Instance) string {
			_, throughput := s.rate(i)
			return number(throughput)
		},
		"ec2:VolumeType": func(_ api.Resource, i compute.Instance) string { return volumeType(i) },
	}
}
