package instances

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/aws/service/ec2/types"
	"postern/network"
	"postern/services/compute"
)

func (s *service) instance(c *api.Call, id string) (compute.Instance, error) {
	return s.compute.Instance(query.ScopeOf(c), id)
}

// instanceTags are an instance's tags in the order of their keys.
func instanceTags(tags map[string]string) []network.Tag {
	out := make([]network.Tag, 0, len(tags))
	for k, v := range tags {
		out = append(out, network.Tag{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b network.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

func (s *service) taggedInstances(c *api.Call) []network.Tagged {
	var out []network.Tagged
	for _, i := range s.compute.Instances(query.ScopeOf(c)) {
		out = append(out, network.Tagged{ID: i.ID, Type: "instance", Tags: instanceTags(i.Tags)})
		if i.State != compute.Terminated {
			out = append(out, network.Tagged{ID: volumeID(i), Type: "volume", Tags: instanceTags(i.VolumeTags)})
		}
	}
	for _, i := range s.compute.Images(query.ScopeOf(c)) {
		out = append(out, network.Tagged{ID: i.ID, Type: "image", Tags: instanceTags(i.Tags)})
	}
	for _, k := range s.compute.KeyPairs(query.ScopeOf(c)) {
		out = append(out, network.Tagged{ID: k.ID, Type: query.KeyPairType, Tags: instanceTags(k.Tags)})
	}
	return out
}

// owner is an instance that tags belong to, its own or its root volume's, or a key pair that they belong to.
type owner struct {
	compute.Instance
	volume bool
	key    compute.KeyPair
}

// owner finds whose tags an id names: "i-…", "vol-…" or "key-…".
func (s *service) owner(c *api.Call, id string) (owner, error) {
	if strings.HasPrefix(id, "key-") {
		k, err := s.compute.KeyPairByID(query.ScopeOf(c), id)
		return owner{key: k}, err
	}
	digits, volume := strings.CutPrefix(id, "vol-")
	if !volume {
		i, err := s.instance(c, id)
		return owner{Instance: i}, err
	}
	i, err := s.instance(c, "i-"+digits)
	if err != nil || i.State == compute.Terminated {
		return owner{}, noVolume(id)
	}
	return owner{Instance: i, volume: true}, nil
}

func (o owner) tags() []network.Tag {
	switch {
	case o.volume:
		return instanceTags(o.VolumeTags)
	case o.key.ID != "":
		return instanceTags(o.key.Tags)
	}
	return instanceTags(o.Tags)
}

func (s *service) retagOwner(
	ctx context.Context,
	c *api.Call,
	o owner,
	put map[string]string,
	remove []string,
) (err error) {
	if o.key.ID != "" {
		return s.compute.TagKeyPair(ctx, query.ScopeOf(c), o.key.ID, put, remove)
	}
	tag := s.compute.Tag
	if o.volume {
		tag = s.compute.TagVolume
	}
	_, err = tag(ctx, query.ScopeOf(c), o.ID, put, remove)
	return err
}

func (s *service) tagInstance(ctx context.Context, c *api.Call, o owner, put map[string]string) error {
	if err := s.network.CheckTags(o.tags(), instanceTags(put)); err != nil {
		return err
	}
	return s.retagOwner(ctx, c, o, put, nil)
}

func (s *service) untagInstance(ctx context.Context, c *api.Call, o owner, gone []network.TagRemoval) error {
	var remove []string
	for _, t := range o.tags() {
		if network.Removes(gone, t) {
			remove = append(remove, t.Key)
		}
	}
	return s.retagOwner(ctx, c, o, nil, remove)
}

// profile finds the instance profile that a request names for an instance, "*" for one that is still to be made, and
// asks whether the caller may pass its role on.
func (s *service) profile(
	ctx context.Context, c *api.Call, instance, name, profileARN string,
) (compute.Profile, error) {
	p, role, err := s.instances.FindProfile(c.Account, name, profileARN)
	if err != nil || role == "" {
		return p, err
	}
	return p, c.PassRole(ctx, role, "ec2.amazonaws.com", query.Resource(c, "instance/"+instance))
}

func tagMap(tags []network.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[t.Key] = t.Value
	}
	return out
}

func stateOf(s compute.State) *types.InstanceState {
	code := int32(s)
	return &types.InstanceState{Code: &code, Name: types.InstanceStateName(s.String())}
}
