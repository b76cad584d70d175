package instances

import (
	"cmp"
	"context"
	"iter"
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
)

// keyPairName is the name of the key pair of an id, or the wildcard.
func (s *service) keyPairName(c *api.Call, id string) string {
	k, err := s.compute.KeyPairByID(query.ScopeOf(c), id)
	if err != nil {
		return "*"
	}
	return k.Name
}

// newKeyPair reads what the ways to make a key pair have in common.
func (s *service) newKeyPair(
	ctx context.Context, c *api.Call, name *string, specs []types.TagSpecification,
) (compute.NewKeyPair, error) {
	in := compute.NewKeyPair{Scope: query.ScopeOf(c), Name: aws.ToString(name)}
	if in.Name == "" {
		return in, query.Required("KeyName")
	}
	tags, err := query.TagsFor(ctx, c, query.KeyPairType, specs)
	if err != nil {
		return in, err
	}
	in.Tags = tagMap(tags)
	return in, s.network.CheckTags(nil, tags)
}

func (s *service) createKeyPair(
	ctx context.Context, c *api.Call, in *sdk.CreateKeyPairInput,
) (*sdk.CreateKeyPairOutput, error) {
	if in.KeyFormat == types.KeyFormatPpk {
		return nil, query.Unbuilt(c, "keyFormat ppk, PuTTY's form of a key,")
	}
	request, err := s.newKeyPair(ctx, c, in.KeyName, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	request.Type = string(in.KeyType)
	k, private, err := s.compute.CreateKeyPair(ctx, request)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateKeyPairOutput{
		KeyName: aws.String(k.Name), KeyPairId: aws.String(k.ID), KeyFingerprint: aws.String(k.Fingerprint),
		KeyMaterial: aws.String(private), Tags: tags.ToMap[types.Tag](k.Tags),
	}, nil
}

func (s *service) importKeyPair(
	ctx context.Context, c *api.Call, in *sdk.ImportKeyPairInput,
) (*sdk.ImportKeyPairOutput, error) {
	if len(in.PublicKeyMaterial) == 0 {
		return nil, query.Required("PublicKeyMaterial")
	}
	request, err := s.newKeyPair(ctx, c, in.KeyName, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	k, err := s.compute.ImportKeyPair(ctx, request, in.PublicKeyMaterial)
	if err != nil {
		return nil, err
	}
	return &sdk.ImportKeyPairOutput{
		KeyName: aws.String(k.Name), KeyPairId: aws.String(k.ID), KeyFingerprint: aws.String(k.Fingerprint),
		Tags: tags.ToMap[types.Tag](k.Tags),
	}, nil
}

var keyPairListing = query.Listing[compute.KeyPair]{
	ID:   func(k compute.KeyPair) string { return k.ID },
	Tags: func(k compute.KeyPair) []network.Tag { return instanceTags(k.Tags) },
	Filters: map[string]query.Test[compute.KeyPair]{
		"fingerprint": query.Text(func(k compute.KeyPair) string { return k.Fingerprint }),
		"key-name":    query.Text(func(k compute.KeyPair) string { return k.Name }),
		"key-pair-id": query.Text(func(k compute.KeyPair) string { return k.ID }),
	},
}

func (s *service) describeKeyPairs(
	_ context.Context, c *api.Call, in *sdk.DescribeKeyPairsInput,
) (*sdk.DescribeKeyPairsOutput, error) {
	list := keyPairListing
	list.All = func(*query.View) iter.Seq[compute.KeyPair] {
		return slices.Values(s.compute.KeyPairs(query.ScopeOf(c)))
	}
	list.Get = func(_ *query.View, id string) (compute.KeyPair, error) {
		return s.compute.KeyPairByID(query.ScopeOf(c), id)
	}
	ids := slices.Clone(in.KeyPairIds)
	for _, name := range in.KeyNames {
		k, err := s.compute.KeyPair(query.ScopeOf(c), name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, k.ID)
	}
	found, _, err := query.Describe(s.view(c), in, list, ids, in.Filters)
	slices.SortFunc(found, func(a, b compute.KeyPair) int { return strings.Compare(a.Name, b.Name) })
	return &sdk.DescribeKeyPairsOutput{KeyPairs: query.Convert(found, func(k compute.KeyPair) types.KeyPairInfo {
		info := types.KeyPairInfo{
			KeyName: aws.String(k.Name), KeyPairId: aws.String(k.ID), KeyFingerprint: aws.String(k.Fingerprint),
			KeyType: types.KeyType(k.Type), CreateTime: aws.Time(k.Created), Tags: tags.ToMap[types.Tag](k.Tags),
		}
		if aws.ToBool(in.IncludePublicKey) {
			info.PublicKey = aws.String(k.Public)
		}
		return info
	})}, err
}

// deleteKeyPair succeeds for a name that no key pair has, as on AWS.
func (s *service) deleteKeyPair(
	ctx context.Context, c *api.Call, in *sdk.DeleteKeyPairInput,
) (*sdk.DeleteKeyPairOutput, error) {
	name, id := aws.ToString(in.KeyName), aws.ToString(in.KeyPairId)
	switch {
	case name == "" && id == "":
		return nil, query.Required("KeyName")
	case name != "" && id != "":
		return nil, query.Combination("The parameters keyName and keyPairId cannot be used together")
	case name != "":
		k, err := s.compute.KeyPair(query.ScopeOf(c), name)
		if fault.Is(err, fault.NotFound) {
			return &sdk.DeleteKeyPairOutput{Return: aws.Bool(true)}, nil
		}
		if err != nil {
			return nil, err
		}
		id = k.ID
	}
	if err := s.compute.DeleteKeyPair(ctx, query.ScopeOf(c), id); err != nil {
		return nil, err
	}
	return &sdk.DeleteKeyPairOutput{Return: aws.Bool(true), KeyPairId: aws.String(id)}, nil
}

// deletedKeyPair names a key pair by its name, as ARNs do, whether the request has the name or the id.
func (s *service) deletedKeyPair(c *api.Call, in *sdk.DeleteKeyPairInput) []string {
	name := cmp.Or(aws.ToString(in.KeyName), s.keyPairName(c, aws.ToString(in.KeyPairId)))
	return query.Names(query.KeyPairType, name)
}
