package identity

import (
	"context"
	"regexp"
	"strings"

	"postern/record"
)

// Organization is the AWS organization that every account of this server is in. There is one at most, and nothing of
// AWS Organizations but what policies are told of it.
type Organization struct {
	ID string // "o-exampleorgid"
	// Path leads from the organization through its root and organizational units to the accounts, with a slash at its
	// end: "o-exampleorgid/r-ab12/ou-ab12-11111111/".
	Path string
}

var organizations = &record.Kind[Organization]{
	Name:   "organization",
	Key:    func(*Organization) string { return serverOrganization },
	Groups: func(*Organization) []string { return nil },
}

const (
	// serverOrganization is the key of the one organization.
	serverOrganization = "server"
	// NoOrganization is the text that stands for none.
	NoOrganization = "none"
)

// organizationPattern is that of an organization's id, or of a path from it (AWS Organizations API Reference: ids begin
// with o-, r- and ou-).
var organizationPattern = regexp.MustCompile(
	`^(o-[a-z0-9]{10,32})(/r-[0-9a-z]{4,32}(/ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}){0,5}/?)?$`)

// rootLength is how many characters of an organization's id become its root's, where nothing names one.
const rootLength = 4

// ParseOrganization reads an organization's id, such as "o-exampleorgid", or a path from it to the accounts, such as
// "o-exampleorgid/r-ab12/ou-ab12-11111111/". Accounts of an id alone are directly below a root, which is called by the
// first characters of the id. NoOrganization is the zero Organization. Its fault is Invalid.
func ParseOrganization(text string) (Organization, error) {
	if text == NoOrganization {
		return Organization{}, nil
	}
	found := organizationPattern.FindStringSubmatch(text)
	if found == nil {
		return Organization{}, invalid("%.200q is not an organization: write its id as o-exampleorgid (o- and 10 to 32 "+
			"small letters and digits), with /r-ab12/ou-ab12-11111111/ behind it where accounts are in organizational units, "+
			"or %s", text, NoOrganization)
	}
	o := Organization{ID: found[1], Path: strings.TrimSuffix(text, "/") + "/"}
	if found[2] == "" {
		o.Path += "r-" + strings.TrimPrefix(o.ID, "o-")[:rootLength] + "/"
	}
	return o, nil
}

// SetOrganization puts all accounts into an organization, or takes them out of any where it is the zero Organization.
func (s *Service) SetOrganization(ctx context.Context, o Organization) error {
	return s.change(ctx, "", func(p *plan) error {
		was, ok := organizations.Get(p.Tables, serverOrganization)
		switch {
		case ok && *was == o, !ok && o == Organization{}:
		case o == Organization{}:
			organizations.Delete(p.Plan, serverOrganization, false)
		default:
			organizations.Put(p.Plan, &o, false)
		}
		return nil
	})
}

// Organization returns the one that the accounts of this server are in, and the zero Organization where there is none.
func (s *Service) Organization() Organization { return s.state().organization() }

func (st *state) organization() Organization {
	if o, ok := organizations.Get(st.tables, serverOrganization); ok {
		return *o
	}
	return Organization{}
}

// OrganizationOf returns the organization that an account is in: none where the account is not one of this server.
func (s *Service) OrganizationOf(account string) Organization {
	return s.state().organizationOf(account)
}

func (st *state) organizationOf(account string) Organization {
	if _, ours := accounts.Get(st.tables, account); !ours {
		return Organization{}
	}
	return st.organization()
}
