package postern

import (
	"cmp"
	"context"
	"time"

	"postern/api"
	"postern/aws/consent"
	sdk "postern/aws/postern"
	"postern/services/identity"
)

func toAccount(a identity.Account) sdk.Account {
	return sdk.Account{Id: a.ID, Alias: a.Alias, Created: a.Created.UTC().Format(time.RFC3339)}
}

// asOperator takes the caller's consent out of the context: whoever may manage an account may give its root user keys,
// which the caller's policies, of another account, know nothing of.
func asOperator(ctx context.Context) context.Context { return consent.With(ctx, nil) }

func (s *service) createAccount(
	ctx context.Context, _ *api.Call, in *sdk.CreateAccountInput,
) (*sdk.CreateAccountOutput, error) {
	a, key, err := s.Identities.CreateAccount(asOperator(ctx), in.Id, in.Alias)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateAccountOutput{Account: toAccount(a), AccessKeyId: key.ID, SecretAccessKey: key.Secret}, nil
}

func (s *service) listAccounts(
	context.Context, *api.Call, *sdk.ListAccountsInput,
) (*sdk.ListAccountsOutput, error) {
	out := &sdk.ListAccountsOutput{}
	for _, a := range s.Identities.Accounts() {
		out.Accounts = append(out.Accounts, toAccount(a))
	}
	return out, nil
}

func (s *service) resetKey(
	ctx context.Context, c *api.Call, in *sdk.ResetKeyInput,
) (*sdk.ResetKeyOutput, error) {
	account := cmp.Or(in.Account, c.Account)
	id, secret, n, err := s.ResetKey(asOperator(ctx), account, in.Deactivate)
	if err != nil {
		return nil, err
	}
	return &sdk.ResetKeyOutput{Account: account, AccessKeyId: id, SecretAccessKey: secret, Deactivated: n}, nil
}
