package identity

import (
	"encoding/json"

	"postern/aws/consent"
)

// named are the entities that policies know by an ARN.
type named interface{ ARN() string }

// touched names what changes write, as it was and as it will be: an entity that gets another path or name has two. A key
// is part of its user.
func (st *state) touched(changes []Change) ([]consent.Touch, error) {
	var out []consent.Touch
	owners := map[string]string{} // of keys: users' ARNs by id, as they will be
	var keys []*AccessKey
	for _, c := range changes {
		before, after, err := st.turn(c)
		if err != nil {
			return nil, err
		}
		for _, e := range []any{before, after} {
			switch e := e.(type) {
			case *AccessKey:
				keys = append(keys, e)
			case *User:
				owners[e.id()] = e.ARN()
			}
			if n, ok := e.(named); ok {
				out = append(out, consent.Touch{Resource: n.ARN(), Made: before == nil})
			}
		}
	}
	for _, k := range keys {
		owner := owners[key(k.Account, k.User)]
		if k.User == "" {
			owner = st.rootARN(k.Account)
		} else if u, ok := st.users[key(k.Account, k.User)]; ok && owner == "" {
			owner = u.ARN()
		}
		out = append(out, consent.Touch{Resource: owner})
	}
	return out, nil
}

// turn is the entity that a change writes, before and after it; nil where there is none.
func (st *state) turn(c Change) (before, after any, err error) {
	switch c.Kind {
	case KindUser:
		return turned(st.users, c)
	case KindRole:
		return turned(st.roles, c)
	case KindProfile:
		return turned(st.profiles, c)
	case KindPolicy:
		return turned(st.policies, c)
	case KindAccessKey:
		return turned(st.keys, c)
	}
	return nil, nil, nil // no policy names an account or a revocation
}

func turned[E any](table map[string]*E, c Change) (before, after any, err error) {
	if e, ok := table[c.ID]; ok {
		before = e
	}
	if c.Delete {
		return before, nil, nil
	}
	e := new(E)
	return before, e, json.Unmarshal(c.Body, e)
}
