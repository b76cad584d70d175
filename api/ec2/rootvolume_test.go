package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func rootVolume(ebs types.EbsBlockDevice) []types.BlockDeviceMapping {
	return []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), Ebs: &ebs}}
}

func TestRootVolume(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	id := *l.run(sdk.RunInstancesInput{SubnetId: &p.a, BlockDeviceMappings: rootVolume(types.EbsBlockDevice{
		VolumeSize: aws.Int32(20), VolumeType: types.VolumeTypeGp3, DeleteOnTermination: aws.Bool(true),
		Encrypted: aws.Bool(false),
		Iops:      aws.Int32(3000), Throughput: aws.Int32(125),
	})}).Instances[0].InstanceId
	l.reaches(id, "running")
	plain := *l.run(sdk.RunInstancesInput{
		SubnetId: &p.a, BlockDeviceMappings: rootVolume(types.EbsBlockDevice{}),
	}).Instances[0].InstanceId
	for what, filters := range map[string][]types.Filter{
		"by its instance": {filter("attachment.instance-id", id)}, "by size": {filter("size", "20")},
		"by type": {filter("volume-type", "gp3")},
	} {
		v := must(l.DescribeVolumes(l.ctx, &sdk.DescribeVolumesInput{Filters: filters}))(t).Volumes
		if len(v) != 1 || *v[0].Size != 20 || v[0].VolumeType != types.VolumeTypeGp3 || aws.ToInt32(v[0].Iops) != 3000 ||
			aws.ToInt32(v[0].Throughput) != 125 {
			t.Errorf("%s: %+v", what, v)
		}
	}
	if v := must(l.DescribeVolumes(l.ctx, &sdk.DescribeVolumesInput{
		Filters: []types.Filter{filter("attachment.instance-id", plain)},
	}))(t).Volumes; len(v) != 1 ||
		*v[0].Size != 8 || v[0].VolumeType != types.VolumeTypeStandard || v[0].Iops != nil {
		t.Errorf("one of which nothing was asked: %+v", v)
	}
}

func TestRootVolumeRefuses(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	data := []types.BlockDeviceMapping{
		{DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(1)}},
	}
	for what, tt := range map[string]struct {
		mappings []types.BlockDeviceMapping
		code     string
	}{
		"a data volume": {data, "UnsupportedOperation"},
		"one more":      {append(rootVolume(types.EbsBlockDevice{}), data...), "UnsupportedOperation"},
		"none at all": {
			[]types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), NoDevice: aws.String("")}}, "UnsupportedOperation",
		},
		"encrypted":  {rootVolume(types.EbsBlockDevice{Encrypted: aws.Bool(true)}), "UnsupportedOperation"},
		"with a key": {rootVolume(types.EbsBlockDevice{KmsKeyId: aws.String("alias/x")}), "UnsupportedOperation"},
		"of a snapshot": {
			rootVolume(types.EbsBlockDevice{SnapshotId: aws.String("snap-0123456789abcdef0")}), "UnsupportedOperation",
		},
		"that stays": {
			rootVolume(types.EbsBlockDevice{DeleteOnTermination: aws.Bool(false)}), "UnsupportedOperation",
		},
		"a fast one": {
			rootVolume(types.EbsBlockDevice{VolumeType: types.VolumeTypeGp3, Iops: aws.Int32(9000)}), "UnsupportedOperation",
		},
		"of another type":      {rootVolume(types.EbsBlockDevice{VolumeType: types.VolumeTypeIo2}), "UnsupportedOperation"},
		"of no type":           {rootVolume(types.EbsBlockDevice{VolumeType: "tape"}), "InvalidParameterValue"},
		"too small":            {rootVolume(types.EbsBlockDevice{VolumeSize: aws.Int32(1)}), "InvalidBlockDeviceMapping"},
		"of a negative size":   {rootVolume(types.EbsBlockDevice{VolumeSize: aws.Int32(-20)}), "InvalidBlockDeviceMapping"},
		"larger than any disk": {rootVolume(types.EbsBlockDevice{VolumeSize: aws.Int32(20000)}), "InvalidBlockDeviceMapping"},
	} {
		_, err := l.RunInstances(l.ctx, &sdk.RunInstancesInput{
			MinCount: aws.Int32(1), MaxCount: aws.Int32(1), InstanceType: "t3.micro", SubnetId: &p.a,
			BlockDeviceMappings: tt.mappings,
		})
		wantCode(t, what, err, tt.code)
	}
}
