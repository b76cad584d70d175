package instances

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/fault"
	"postern/aws/service/ec2/types"
	"postern/services/compute"
)

// An instance's root volume is its writable layer. Its size and type are what was asked for, and nominal.
const (
	// maxVolume is the largest volume of the types that there are, in GiB.
	maxVolume = 16384
	// gp3IOPS and gp3Throughput (MiB/s) are what a gp3 volume has that does not ask for more.
	gp3IOPS       = 3000
	gp3Throughput = 125
	// gp2Least is the fewest IOPS of a gp2 volume, which has three for each GiB, gp2Most the most.
	gp2Least, gp2Most = 100, 16000
)

// rootVolume reads what RunInstances asks for its root volume. There are no others.
func (s *service) rootVolume(
	c *api.Call,
	image string,
	mappings []types.BlockDeviceMapping,
) (v compute.Volume, err error) {
	for i, m := range mappings {
		switch {
		case i > 0 || aws.ToString(m.DeviceName) != rootDevice:
			return v, query.Unbuilt(c, "a block device other than the root device "+rootDevice)
		case m.NoDevice != nil || m.VirtualName != nil:
			return v, query.Unbuilt(c, "blockDeviceMapping.noDevice or virtualName")
		case m.Ebs == nil:
			continue
		}
		if err := refuseVolume(c, m.Ebs); err != nil {
			return v, err
		}
		v = compute.Volume{Size: aws.ToInt32(m.Ebs.VolumeSize), Type: string(m.Ebs.VolumeType)}
		least := s.volumeSize(compute.Instance{Scope: query.ScopeOf(c), Image: image})
		if m.Ebs.VolumeSize != nil && (v.Size < least || v.Size > maxVolume) {
			return v, fault.New(fault.Invalid, "ec2",
				"A root volume of %d GiB cannot hold the image: it has %d to %d GiB", v.Size, least, maxVolume).
				WithCode("InvalidBlockDeviceMapping")
		}
	}
	return v, nil
}

func refuseVolume(c *api.Call, e *types.EbsBlockDevice) error {
	switch e.VolumeType {
	case "", types.VolumeTypeStandard, types.VolumeTypeGp2, types.VolumeTypeGp3:
	default:
		return query.Unbuilt(c, "a root volume of type "+string(e.VolumeType))
	}
	gp3 := e.VolumeType == types.VolumeTypeGp3
	switch {
	case aws.ToBool(e.Encrypted) || e.KmsKeyId != nil:
		return query.Unbuilt(c, "an encrypted volume: there is no key service, and it")
	case e.SnapshotId != nil:
		return query.Unbuilt(c, "a volume of a snapshot")
	case e.DeleteOnTermination != nil && !*e.DeleteOnTermination:
		return query.Unbuilt(c, "a root volume that outlives its instance")
	case e.Iops != nil && (!gp3 || *e.Iops != gp3IOPS), e.Throughput != nil && (!gp3 || *e.Throughput != gp3Throughput):
		return query.Unbuilt(c, "a volume with IOPS or throughput of its own, where none is slower,")
	case e.OutpostArn != nil || e.AvailabilityZone != nil || e.AvailabilityZoneId != nil ||
		e.VolumeInitializationRate != nil || e.EbsCardIndex != nil:
		return query.Unbuilt(c, "a volume's outpost, zone, card or rate of initialization")
	}
	return nil
}

func volumeType(i compute.Instance) string {
	if i.Volume.Type == "" {
		return string(types.VolumeTypeStandard)
	}
	return i.Volume.Type
}

// rate returns the IOPS and the MiB/s of a volume of its type and size, nil for a type that has none.
func (s *service) rate(i compute.Instance) (iops, throughput *int32) {
	switch types.VolumeType(volumeType(i)) {
	case types.VolumeTypeGp3:
		return aws.Int32(gp3IOPS), aws.Int32(gp3Throughput)
	case types.VolumeTypeGp2:
		return aws.Int32(min(max(gp2Least, 3*s.volumeSize(i)), gp2Most)), nil
	}
	return nil, nil
}

func (s *service) sizeText(i compute.Instance) string { return strconv.Itoa(int(s.volumeSize(i))) }
