package instances

import (
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

func (s *service) describeInstanceAttribute(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeInstanceAttributeInput,
) (*sdk.DescribeInstanceAttributeOutput, error) {
	i, err := s.instance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	v := s.view(c)
	out := &sdk.DescribeInstanceAttributeOutput{InstanceId: in.InstanceId}
	value := func(s string) *types.AttributeValue { return &types.AttributeValue{Value: aws.String(s)} }
	switch in.Attribute {
	case types.InstanceAttributeNameInstanceType:
		out.InstanceType = value(i.Type)
	case types.InstanceAttributeNameUserData:
		out.UserData = &types.AttributeValue{}
		if len(i.UserData) > 0 {
			out.UserData.Value = aws.String(base64.StdEncoding.EncodeToString(i.UserData))
		}
	case types.InstanceAttributeNameDisableApiTermination:
		out.DisableApiTermination = query.Boolean(i.ProtectTermination)
	case types.InstanceAttributeNameDisableApiStop:
		out.DisableApiStop = query.Boolean(i.ProtectStop)
	case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		out.InstanceInitiatedShutdownBehavior = value(shutdownBehavior(i))
	case types.InstanceAttributeNameRootDeviceName:
		out.RootDeviceName = value(rootDevice)
	case types.InstanceAttributeNameBlockDeviceMapping:
		out.BlockDeviceMappings = []types.InstanceBlockDeviceMapping{rootMapping(i)}
	case types.InstanceAttributeNameSourceDestCheck:
		n := nicOf(v, i)
		out.SourceDestCheck = query.Boolean(n != nil && !n.AnySource)
	case types.InstanceAttributeNameGroupSet:
		if n := nicOf(v, i); n != nil {
			out.Groups = vpcs.GroupNames(v, n.Groups)
		}
	case types.InstanceAttributeNameEbsOptimized:
		out.EbsOptimized = query.Boolean(false)
	case types.InstanceAttributeNameEnaSupport:
		out.EnaSupport = query.Boolean(false)
	case types.InstanceAttributeNameEnclaveOptions:
		out.EnclaveOptions = &types.EnclaveOptions{Enabled: aws.Bool(false)}
	case types.InstanceAttributeNameKernel, types.InstanceAttributeNameRamdisk, types.InstanceAttributeNameSriovNetSupport,
		types.InstanceAttributeNameProductCodes: // no instance here has any
	default:
		return nil, query.Invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func shutdownBehavior(i compute.Instance) string {
	if i.TerminateOnShutdown {
		return string(types.ShutdownBehaviorTerminate)
	}
	return string(types.ShutdownBehaviorStop)
}

func (s *service) modifyInstanceAttribute(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyInstanceAttributeInput,
) (*sdk.ModifyInstanceAttributeOutput, error) {
	if err := spell(c, in); err != nil {
		return nil, err
	}
	i, err := s.instance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	change, err := modification(in)
	if err != nil {
		return nil, err
	}
	if len(in.Groups) > 0 || in.SourceDestCheck != nil {
		if len(s.network.State().Attached(i.ID)) > 1 {
			return nil, vpcs.SeveralInterfaces(i.ID)
		}
		x := network.InterfaceChange{Groups: in.Groups}
		if in.SourceDestCheck != nil {
			x.AnySource = aws.Bool(!aws.ToBool(in.SourceDestCheck.Value))
		}
		return nil, s.network.ModifyInterface(ctx, query.ScopeOf(c), i.Interface, x)
	}
	_, err = s.compute.Modify(ctx, query.ScopeOf(c), i.ID, change)
	return nil, err
}

// spell turns attribute and value, the older way to say it, into the attribute's own parameter, and checks that a
// request changes one attribute.
func spell(c *api.Call, in *sdk.ModifyInstanceAttributeInput) error {
	on := &types.AttributeBooleanValue{Value: aws.Bool(aws.ToString(in.Value) == "true")}
	switch in.Attribute {
	case "":
	case types.InstanceAttributeNameInstanceType:
		in.InstanceType = &types.AttributeValue{Value: in.Value}
	case types.InstanceAttributeNameUserData:
		in.UserData = &types.SecureBlobAttributeValue{Value: []byte(aws.ToString(in.Value))}
	case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		in.InstanceInitiatedShutdownBehavior = &types.AttributeValue{Value: in.Value}
	case types.InstanceAttributeNameDisableApiTermination:
		in.DisableApiTermination = on
	case types.InstanceAttributeNameDisableApiStop:
		in.DisableApiStop = on
	case types.InstanceAttributeNameSourceDestCheck:
		in.SourceDestCheck = on
	default:
		return query.Unbuilt(c, "attribute "+string(in.Attribute))
	}
	n := 0
	for _, set := range []bool{
		in.InstanceType != nil, in.UserData != nil, in.InstanceInitiatedShutdownBehavior != nil,
		in.DisableApiTermination != nil,
		in.DisableApiStop != nil, in.SourceDestCheck != nil, len(in.Groups) > 0,
	} {
		if set {
			n++
		}
	}
	if n != 1 {
		return query.Combination("Exactly one attribute must be specified, not %d", n)
	}
	return nil
}

func modification(in *sdk.ModifyInstanceAttributeInput) (compute.Modification, error) {
	var m compute.Modification
	switch {
	case in.InstanceType != nil:
		m.Type = aws.String(aws.ToString(in.InstanceType.Value))
	case in.UserData != nil:
		data := in.UserData.Value
		m.UserData = &data
	case in.DisableApiTermination != nil:
		m.ProtectTermination = aws.Bool(aws.ToBool(in.DisableApiTermination.Value))
	case in.DisableApiStop != nil:
		m.ProtectStop = aws.Bool(aws.ToBool(in.DisableApiStop.Value))
	case in.InstanceInitiatedShutdownBehavior != nil:
		how := aws.ToString(in.InstanceInitiatedShutdownBehavior.Value)
		if how != string(types.ShutdownBehaviorStop) && how != string(types.ShutdownBehaviorTerminate) {
			return m, query.Invalid(
				"Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid. It is stop or terminate.",
				how,
			)
		}
		m.TerminateOnShutdown = aws.Bool(how == string(types.ShutdownBehaviorTerminate))
	}
	return m, nil
}

func (s *service) modifyInstanceMetadataOptions(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyInstanceMetadataOptionsInput,
) (*sdk.ModifyInstanceMetadataOptionsOutput, error) {
	i, err := s.instance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	m, err := metadataOf(c, i.Metadata, &types.InstanceMetadataOptionsRequest{
		HttpEndpoint: in.HttpEndpoint, HttpTokens: in.HttpTokens, HttpPutResponseHopLimit: in.HttpPutResponseHopLimit,
		HttpProtocolIpv6: in.HttpProtocolIpv6, InstanceMetadataTags: in.InstanceMetadataTags,
	})
	if err != nil {
		return nil, err
	}
	if i, err = s.compute.Modify(ctx, query.ScopeOf(c), i.ID, compute.Modification{Metadata: &m}); err != nil {
		return nil, err
	}
	return &sdk.ModifyInstanceMetadataOptionsOutput{
		InstanceId:              in.InstanceId,
		InstanceMetadataOptions: toMetadata(i.Metadata),
	}, nil
}
