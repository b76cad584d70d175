package identity

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Quotas bound what one user, role or group makes the judge read. Sizes are characters without white space, as Amazon
// counts them. Zero is Amazon's own default.
type Quotas struct {
	UserInline  int // of all inline policies of a user together: 2,048
	GroupInline int // of all inline policies of a group together: 5,120
	RoleInline  int // of all inline policies of a role together: 10,240
	Managed     int // of one managed policy: 6,144
	Trust       int // of a role's trust policy: 2,048
	Attached    int // managed policies that a user, role or group may have: 10
}

// A quota is one of them by its name.
type quota struct {
	name  string
	of    func(*Quotas) *int
	usual int
	most  int // what is taken from an operator; the inline and managed sizes cannot be raised on AWS either
}

var quotas = []quota{
	{"user-inline", func(q *Quotas) *int { return &q.UserInline }, 2048, maxDocument},
	{"group-inline", func(q *Quotas) *int { return &q.GroupInline }, 5120, maxDocument},
	{"role-inline", func(q *Quotas) *int { return &q.RoleInline }, 10240, maxDocument},
	{"managed", func(q *Quotas) *int { return &q.Managed }, 6144, maxDocument},
	{"trust", func(q *Quotas) *int { return &q.Trust }, 2048, maxDocument},
	{"attached", func(q *Quotas) *int { return &q.Attached }, 10, 50},
}

// Set reads "NAME=NUMBER", such as "attached=20", as a flag has it.
func (q *Quotas) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	var names []string
	for _, one := range quotas {
		names = append(names, one.name)
		if one.name != name {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > one.most {
			return fmt.Errorf("%s has to be a number from 1 to %d, not %q", name, one.most, value)
		}
		*one.of(q) = n
		return nil
	}
	return fmt.Errorf("there is no quota %q: want NAME=NUMBER with one of %s", name, strings.Join(names, ", "))
}

// String returns what differs from the defaults, as Set reads it.
func (q *Quotas) String() string {
	var set []string
	for _, one := range quotas {
		if n := *one.of(q); n != 0 && n != one.usual {
			set = append(set, fmt.Sprintf("%s=%d", one.name, n))
		}
	}
	return strings.Join(set, ",")
}

// withDefaults puts Amazon's numbers in the place of zeros.
func (q Quotas) withDefaults() Quotas {
	for _, one := range quotas {
		if n := one.of(&q); *n == 0 {
			*n = one.usual
		}
	}
	return q
}

// Quotas returns the quotas that are in force.
func (s *Service) Quotas() Quotas { return s.quotas }

// size is the number of characters that count.
func size(document string) int {
	n := utf8.RuneCountInString(document)
	for i := range len(document) {
		if strings.IndexByte(" \t\r\n", document[i]) >= 0 {
			n--
		}
	}
	return n
}

// checkInline refuses inline policies that are too long together.
func (q Quotas) checkInline(h Holder, p *Permissions) error {
	most := map[HolderKind]int{OfUser: q.UserInline, OfRole: q.RoleInline, OfGroup: q.GroupInline}[h.Kind]
	sum := 0
	for _, d := range p.Inline {
		sum += size(d.Text)
	}
	if sum > most {
		return limit("Maximum policy size of %d bytes exceeded for %s %s", most, h.Kind, h.Name)
	}
	return nil
}

func (q Quotas) checkManaged(text string) error {
	if size(text) > q.Managed {
		return limit("Cannot exceed quota for PolicySize: %d", q.Managed)
	}
	return nil
}

func (q Quotas) checkTrust(text string) error {
	if size(text) > q.Trust {
		return limit("Cannot exceed quota for ACLSizePerRole: %d", q.Trust)
	}
	return nil
}

func (q Quotas) checkAttached(h Holder, p *Permissions) error {
	if len(p.Attached) >= q.Attached {
		kind := map[HolderKind]string{OfUser: "User", OfRole: "Role", OfGroup: "Group"}[h.Kind]
		return limit("Cannot exceed quota for PoliciesPer%s: %d", kind, q.Attached)
	}
	return nil
}

// The bounds of what a session may bring along (STS API Reference, AssumeRole).
const (
	maxSessionPolicy   = 2048 // characters, white space included
	maxSessionPolicies = 10
)

func checkPolicies(inline string, managed []string) error {
	switch {
	case utf8.RuneCountInString(inline) > maxSessionPolicy:
		return invalid(
			"1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less "+
				"than or equal to %d",
			maxSessionPolicy,
		)
	case len(managed) > maxSessionPolicies:
		return invalid(
			"1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length "+
				"less than or equal to %d",
			maxSessionPolicies,
		)
	}
	return nil
}
