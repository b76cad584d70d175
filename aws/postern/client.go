package postern

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/client"
	"postern/aws/wire"
)

// Name is the service's in signatures and in policies' actions, Target what begins the X-Amz-Target header.
const (
	Name   = "postern"
	Target = "Postern"
)

// Client calls the service. It is safe for concurrent use.
type Client struct{ caller *client.Client }

// NewFromConfig makes a client.
func NewFromConfig(c aws.Config) *Client {
	return &Client{client.New(c, client.Service{Name: Name, Protocol: wire.JSON, Target: Target})}
}

// PutGuard puts a service control policy on an account, or on every account.
func (c *Client) PutGuard(ctx context.Context, in *PutGuardInput) (*PutGuardOutput, error) {
	return client.Do[PutGuardOutput](ctx, c.caller, "PutGuard", in)
}

// DeleteGuard takes one off.
func (c *Client) DeleteGuard(ctx context.Context, in *DeleteGuardInput) (*DeleteGuardOutput, error) {
	return client.Do[DeleteGuardOutput](ctx, c.caller, "DeleteGuard", in)
}

// ListGuards lists them.
func (c *Client) ListGuards(ctx context.Context, in *ListGuardsInput) (*ListGuardsOutput, error) {
	return client.Do[ListGuardsOutput](ctx, c.caller, "ListGuards", in)
}

// DescribeOrganization tells which organization the accounts are in.
func (c *Client) DescribeOrganization(
	ctx context.Context, in *DescribeOrganizationInput,
) (*DescribeOrganizationOutput, error) {
	return client.Do[DescribeOrganizationOutput](ctx, c.caller, "DescribeOrganization", in)
}

// CreateAccount makes an account.
func (c *Client) CreateAccount(ctx context.Context, in *CreateAccountInput) (*CreateAccountOutput, error) {
	return client.Do[CreateAccountOutput](ctx, c.caller, "CreateAccount", in)
}

// ListAccounts lists them.
func (c *Client) ListAccounts(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
	return client.Do[ListAccountsOutput](ctx, c.caller, "ListAccounts", in)
}

// ResetKey makes another access key of an account's root user.
func (c *Client) ResetKey(ctx context.Context, in *ResetKeyInput) (*ResetKeyOutput, error) {
	return client.Do[ResetKeyOutput](ctx, c.caller, "ResetKey", in)
}

// DescribeRequest tells what is known of a request to the server, and why it was refused.
func (c *Client) DescribeRequest(ctx context.Context, in *DescribeRequestInput) (*DescribeRequestOutput, error) {
	return client.Do[DescribeRequestOutput](ctx, c.caller, "DescribeRequest", in)
}
