package compute

import (
	"context"
	"maps"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/services/compute/userdata"
)

// Modification says what to change of an instance; nil leaves a thing as it is.
type Modification struct {
	// Type and UserData can change only while the instance is stopped.
	Type     *string
	UserData *[]byte
	Profile  *Profile
	Metadata *MetadataOptions

	TerminateOnShutdown, ProtectTermination, ProtectStop *bool
}

// Modify changes attributes of one instance and returns it as it is then.
func (s *Service) Modify(ctx context.Context, c scope.Scope, id string, to Modification) (Instance, error) {
	return s.edit(ctx, c, id, func(i *Instance) error {
		if (to.Type != nil || to.UserData != nil) && i.State != Stopped {
			return fault.New(fault.Conflict, "compute.Modify", "The instance '%s' is not in the 'stopped' state.", i.ID).
				WithCode("IncorrectInstanceState")
		}
		if to.Type != nil {
			image, err := s.Image(c, i.Image)
			if err != nil {
				return err
			}
			if err := checkType(*to.Type, image); err != nil {
				return err
			}
		}
		if to.UserData != nil && len(*to.UserData) > MaxUserData {
			return fault.New(fault.Invalid, "compute.Modify", "User data is limited to %d bytes", MaxUserData).
				WithCode("InvalidParameterValue")
		}
		if to.UserData != nil {
			if _, err := userdata.Parse(*to.UserData); err != nil {
				return err
			}
		}
		set(&i.Type, to.Type)
		set(&i.UserData, to.UserData)
		set(&i.Profile, to.Profile)
		set(&i.Metadata, to.Metadata)
		set(&i.TerminateOnShutdown, to.TerminateOnShutdown)
		set(&i.ProtectTermination, to.ProtectTermination)
		set(&i.ProtectStop, to.ProtectStop)
		return nil
	})
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// Tag puts tags on an instance and takes those with the given keys off. The caller checks their form and number.
func (s *Service) Tag(
	ctx context.Context, c scope.Scope, id string, put map[string]string, remove []string,
) (Instance, error) {
	return s.edit(ctx, c, id, func(i *Instance) error {
		i.Tags = retagged(i.Tags, put, remove)
		return nil
	})
}

// TagVolume does to the tags of an instance's root volume what Tag does to its own.
func (s *Service) TagVolume(
	ctx context.Context, c scope.Scope, id string, put map[string]string, remove []string,
) (Instance, error) {
	return s.edit(ctx, c, id, func(i *Instance) error {
		i.VolumeTags = retagged(i.VolumeTags, put, remove)
		return nil
	})
}

// retagged returns a changed copy: readers hold the old tags.
func retagged(old, put map[string]string, remove []string) map[string]string {
	tags := maps.Clone(old)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, put)
	for _, key := range remove {
		delete(tags, key)
	}
	return tags
}

func (s *Service) edit(
	ctx context.Context, c scope.Scope, id string, f func(i *Instance) error,
) (out Instance, err error) {
	err = s.changeInstances(ctx, c, []string{id}, func(_ int, i *Instance) error {
		err := f(i)
		out = *i
		return err
	})
	return out, err
}
