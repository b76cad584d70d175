package postern

// PutGuardInput names the account that the policy is to limit; empty is every account.
type PutGuardInput struct{ Account, Policy string }

// PutGuardOutput is empty.
type PutGuardOutput struct{}

// DeleteGuardInput names the account; empty is every account.
type DeleteGuardInput struct{ Account string }

// DeleteGuardOutput is empty.
type DeleteGuardOutput struct{}

// ListGuardsInput is empty.
type ListGuardsInput struct{}

// ListGuardsOutput holds all service control policies.
type ListGuardsOutput struct{ Guards []Guard }

// Guard is a service control policy. Updated is a time as RFC 3339 writes it.
type Guard struct{ Account, Policy, Updated string }

// DescribeOrganizationInput is empty.
type DescribeOrganizationInput struct{}

// DescribeOrganizationOutput holds the id of the organization that all accounts are in, and the path to them in it,
// both empty where there is none.
type DescribeOrganizationOutput struct{ OrganizationId, Path string }

// CreateAccountInput names the account by its number, 12 digits; an empty one is chosen. Alias may be empty.
type CreateAccountInput struct{ Id, Alias string }

// CreateAccountOutput holds the account and the access key of its root user, whose secret cannot be had again.
type CreateAccountOutput struct {
	Account                      Account
	AccessKeyId, SecretAccessKey string
}

// ListAccountsInput is empty.
type ListAccountsInput struct{}

// ListAccountsOutput holds all accounts.
type ListAccountsOutput struct{ Accounts []Account }

// Account is one AWS account. Created is a time as RFC 3339 writes it; Alias is empty where it has none.
type Account struct{ Id, Alias, Created string }

// ResetKeyInput names the account; empty is the server's own. Deactivate makes the keys inactive that there were.
type ResetKeyInput struct {
	Account    string
	Deactivate bool
}

// ResetKeyOutput holds the new access key of the account's root user, and how many others were made inactive.
type ResetKeyOutput struct {
	Account, AccessKeyId, SecretAccessKey string
	Deactivated                           int
}

// DescribeRequestInput names a request by the id that its answer carried.
type DescribeRequestInput struct{ RequestId string }

// DescribeRequestOutput holds the request.
type DescribeRequestOutput struct{ Request Request }

// Request describes one request and its answer. Empty texts are not known, or do not apply.
type Request struct {
	RequestId, Time, Method, Service, Operation, Region string
	Account, Principal, AccessKey                       string
	SourceIp, UserAgent, Endpoint, Interface            string
	Status                                              int
	Code, Error                                         string
	Judged                                              []Judgement
}

// Judgement holds a question to the policy judge and what it decided.
type Judgement struct {
	Action, Resource, Owner string
	Allowed                 bool
	Decision                string
	// Policies and Keys are those that were looked at, of what was refused; Left is how many are not told.
	Policies []Policy
	Keys     []Key
	Left     int
}

// Policy is one that was looked at. Total is how many statements it has; Statements are those about the action.
type Policy struct {
	Kind, Name string
	Total      int
	Statements []Statement
}

// Statement is one of a policy, numbered from 1. Why says what keeps it from applying.
type Statement struct {
	Number           int
	Sid, Effect, Why string
	Applies          bool
	Text             string
}

// Key is a condition key of the request. It is absent where it has no values, unless that is not known.
type Key struct {
	Name    string
	Values  []string
	Unknown bool
}
