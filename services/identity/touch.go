package identity

import "postern/aws/consent"

// named are the records that policies know by an ARN.
type named interface{ ARN() string }

// touched names what a plan writes, as it was and as it will be: what gets another path or name has two. A key is part
// of its user, a membership of its group.
func (p *plan) touched() []consent.Touch {
	var out []consent.Touch
	owners := map[string]string{} // of keys: users' ARNs by id, as they will be
	var keys []*AccessKey
	for _, edit := range p.Edits() {
		for _, r := range []any{edit.Old(), edit.New()} {
			switch r := r.(type) {
			case *AccessKey:
				keys = append(keys, r)
			case *User:
				owners[r.id()] = r.ARN()
			case *membership:
				for g := range groupsByID.Find(p.Tables, r.Group) {
					out = append(out, consent.Touch{Resource: g.ARN()})
				}
			}
			if n, ok := r.(named); ok {
				out = append(out, consent.Touch{Resource: n.ARN(), Made: edit.Old() == nil})
			}
		}
	}
	for _, k := range keys {
		owner := owners[key(k.Account, k.User)]
		if k.User == "" {
			owner = p.rootARN(k.Account)
		} else if u, ok := users.Get(p.Before(), key(k.Account, k.User)); ok && owner == "" {
			owner = u.ARN()
		}
		out = append(out, consent.Touch{Resource: owner})
	}
	return out
}
