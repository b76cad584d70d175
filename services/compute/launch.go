package compute

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"strings"

	"postern/aws/fault"
	"postern/aws/instancetype"
	"postern/aws/scope"
	"postern/record"
	"postern/services/compute/userdata"
)

// Limits of a Launch.
const (
	// MaxUserData is the most user data in bytes, before base64.
	MaxUserData = 16 << 10
	MaxAtOnce   = 100
)

// defaultType is the type of an instance for which none is asked, by its image's architecture.
var defaultType = map[string]string{"x86_64": "t3.micro", "arm64": "t4g.micro"}

// LaunchType is the type of an instance that is launched from an image: the one that is asked for, or the usual one.
func (s *Service) LaunchType(c scope.Scope, image, asked string) string {
	if asked != "" {
		return asked
	}
	i, err := s.Image(c, cmp.Or(image, HostImage(c.Region)))
	if err != nil {
		return ""
	}
	return defaultType[i.Architecture]
}

// checkType refuses a type that there is not, or that does not run on what the image does.
func checkType(name string, i Image) error {
	t, ok := instancetype.Find(name)
	if !ok {
		return fault.New(fault.Invalid, "compute.checkType", "Invalid value '%s' for InstanceType.", name).
			WithCode("InvalidParameterValue")
	}
	if !t.Runs(i.Architecture) {
		return fault.New(fault.Invalid, "compute.checkType",
			"The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified "+
				"AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
			strings.Join(t.Architectures, ","), i.Architecture).WithCode("InvalidParameterValue")
	}
	return nil
}

// Launch says what RunInstances asks for, once the network interfaces are there.
type Launch struct {
	scope.Scope
	// Token is the client token of the request; instances show it.
	Token string
	// Image is the id of an image, empty for the host's own; Type is empty for t3.micro, or t4g.micro.
	Image, Type string
	// KeyName is the name of a key pair, empty for none.
	KeyName             string
	Profile             Profile
	UserData            []byte
	Metadata            MetadataOptions
	TerminateOnShutdown bool
	ProtectTermination  bool
	ProtectStop         bool
	Tags, VolumeTags    map[string]string
	Volume              Volume
	// Placements are one for each instance.
	Placements []Placement
	// IDs are the instances' ids, one for each placement, made by NewInstanceID, so that their network interfaces can be
	// theirs before they boot. A second Launch of the same ids makes nothing and returns the instances. Nil lets Launch
	// make them.
	IDs []string
}

// NewInstanceID makes an id for Launch.IDs.
func NewInstanceID() string { return newID("i") }

// Launch makes instances and boots them in the background. They are durable, and pending, when it returns.
func (s *Service) Launch(ctx context.Context, l Launch) ([]Instance, error) {
	if err := s.checkLaunch(&l); err != nil {
		return nil, err
	}
	var made []Instance
	var again bool
	wanted := s.wanted(&l)
	err := s.change(ctx, l.Scope, func(p *record.Plan) error {
		made = s.launched(p.Tables, &l)
		if again = len(made) > 0; again {
			return nil
		}
		if _, err := s.findImage(p.Tables, l.Scope, l.Image); err != nil { // still
			return err
		}
		public := ""
		if l.KeyName != "" {
			k, err := keyPairNamed(p.Tables, l.Scope, l.KeyName)
			if err != nil {
				return err
			}
			public = k.Public
		}
		for _, i := range wanted {
			i.PublicKey = public
			instances.Put(p, &i, false)
			made = append(made, i)
		}
		return nil
	})
	if err != nil || again {
		return made, err
	}
	for _, i := range made {
		m := s.machine(i.ID)
		s.background(func() { s.boot(m) })
	}
	return made, nil
}

// wanted returns the instances that a launch asks for.
func (s *Service) wanted(l *Launch) []Instance {
	now, reservation := s.Now(), newID("r")
	out := make([]Instance, len(l.Placements))
	for n, p := range l.Placements {
		id := NewInstanceID()
		if l.IDs != nil {
			id = l.IDs[n]
		}
		out[n] = Instance{
			ID: id, Scope: l.Scope, Reservation: reservation, Index: n, Token: l.Token, Placement: p,
			Image: l.Image, Type: l.Type, KeyName: l.KeyName, Profile: l.Profile, UserData: bytes.Clone(l.UserData),
			Metadata: l.Metadata, TerminateOnShutdown: l.TerminateOnShutdown, ProtectTermination: l.ProtectTermination,
			ProtectStop: l.ProtectStop, Tags: maps.Clone(l.Tags), VolumeTags: maps.Clone(l.VolumeTags), Volume: l.Volume,
			Launched: now, Created: now, State: Pending, Reason: reasonPending, Host: s.Host, own: true,
		}
	}
	return out
}

func (s *Service) checkLaunch(l *Launch) error {
	if l.Image == "" {
		l.Image = HostImage(l.Region)
	}
	if l.Metadata.HopLimit == 0 {
		l.Metadata.HopLimit = 2
	}
	image, err := s.Image(l.Scope, l.Image)
	if err != nil {
		return err
	}
	l.Type = cmp.Or(l.Type, defaultType[image.Architecture])
	if err := checkType(l.Type, image); err != nil {
		return err
	}
	if _, err := userdata.Parse(l.UserData); err != nil {
		return err
	}
	switch {
	case s.ctx.Err() != nil:
		return fault.New(fault.Unavailable, "compute.Launch", "The server is stopping")
	case len(l.UserData) > MaxUserData:
		return fault.New(fault.Invalid, "compute.Launch", "User data is limited to %d bytes", MaxUserData).
			WithCode("InvalidParameterValue")
	case len(l.Placements) == 0 || len(l.Placements) > MaxAtOnce:
		return fault.New(fault.Limit, "compute.Launch", "%d instances at once are not 1–%d", len(l.Placements), MaxAtOnce).
			WithCode("InstanceLimitExceeded")
	case l.IDs != nil && len(l.IDs) != len(l.Placements):
		return fault.New(fault.Internal, "compute.Launch", "%d ids for %d instances", len(l.IDs), len(l.Placements))
	case l.Metadata.HopLimit < 1 || l.Metadata.HopLimit > 64:
		return fault.New(fault.Invalid, "compute.Launch", "The HttpPutResponseHopLimit must be 1–64").
			WithCode("InvalidParameterValue")
	}
	return nil
}

// launched returns what an earlier Launch of the same ids made.
func (s *Service) launched(t *record.Tables, l *Launch) (out []Instance) {
	for _, id := range l.IDs {
		if i, err := s.find(t, l.Scope, id); err == nil {
			out = append(out, *i)
		}
	}
	return out
}
