package vpcs

import (
	"context"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/api/tags"
	"postern/aws/scope"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// peeringRow is a peering connection with what its two sides show of themselves.
type peeringRow struct {
	*network.Peering
	requester, accepter types.VpcPeeringConnectionVpcInfo
}

var peeringListing = query.Listing[peeringRow]{
	ID:   func(p peeringRow) string { return p.ID },
	Tags: func(p peeringRow) []network.Tag { return p.Tags },
	All: func(v *query.View) iter.Seq[peeringRow] {
		return func(yield func(peeringRow) bool) {
			for p := range v.PeeringsOf(v.Scope) {
				if !yield(peeringOf(v, p)) {
					return
				}
			}
		}
	},
	Get: func(v *query.View, id string) (peeringRow, error) {
		p, err := v.PeeringOf(v.Scope, id)
		if err != nil {
			return peeringRow{}, err
		}
		return peeringOf(v, p), nil
	},
	Filters: map[string]query.Test[peeringRow]{
		"accepter-vpc-info.cidr-block":  query.Text(func(p peeringRow) string { return aws.ToString(p.accepter.CidrBlock) }),
		"accepter-vpc-info.owner-id":    query.Text(func(p peeringRow) string { return aws.ToString(p.accepter.OwnerId) }),
		"accepter-vpc-info.vpc-id":      query.Text(func(p peeringRow) string { return p.Accepter }),
		"expiration-time":               query.Text(func(p peeringRow) string { return p.Expires.Format(time.RFC3339) }),
		"requester-vpc-info.cidr-block": query.Text(func(p peeringRow) string { return aws.ToString(p.requester.CidrBlock) }),
		"requester-vpc-info.owner-id":   query.Text(func(p peeringRow) string { return p.Account }),
		"requester-vpc-info.vpc-id":     query.Text(func(p peeringRow) string { return p.Requester }),
		"status-code":                   query.Text(func(p peeringRow) string { return string(p.Status) }),
		"status-message":                query.Text(func(p peeringRow) string { return p.StatusText }),
		"vpc-peering-connection-id":     query.Text(func(p peeringRow) string { return p.ID }),
	},
}

func peeringOf(v *query.View, p *network.Peering) peeringRow {
	return peeringRow{
		p, toPeeringSide(v, p.Requester, p.Account, p.Region, p.RequesterDNS, true),
		toPeeringSide(v, p.Accepter, p.AccepterAccount, p.AccepterRegion, p.AccepterDNS, p.Status == network.PeeringActive),
	}
}

// toPeeringSide returns one side of a connection, with its ranges only while they are shown.
func toPeeringSide(v *query.View, id, account, region string, dns, shown bool) types.VpcPeeringConnectionVpcInfo {
	out := types.VpcPeeringConnectionVpcInfo{
		VpcId: aws.String(id), OwnerId: aws.String(account), Region: aws.String(region),
		PeeringOptions: &types.VpcPeeringConnectionOptionsDescription{
			AllowDnsResolutionFromRemoteVpc: aws.Bool(dns), AllowEgressFromLocalClassicLinkToRemoteVpc: aws.Bool(false),
			AllowEgressFromLocalVpcToRemoteClassicLink: aws.Bool(false),
		},
	}
	if owner, ok := v.AnyVPC(id); ok && shown {
		out.CidrBlock = query.String(owner.CIDR())
		out.CidrBlockSet = query.Convert(
			owner.Blocks,
			func(b network.Block) types.CidrBlock { return types.CidrBlock{CidrBlock: query.String(b.CIDR)} },
		)
	}
	return out
}

func toPeering(p peeringRow) types.VpcPeeringConnection {
	out := types.VpcPeeringConnection{
		VpcPeeringConnectionId: aws.String(
			p.ID,
		), RequesterVpcInfo: &p.requester, AccepterVpcInfo: &p.accepter, Tags: tags.To[types.Tag](p.Tags),
		Status: &types.VpcPeeringConnectionStateReason{
			Code: types.VpcPeeringConnectionStateReasonCode(p.Status), Message: aws.String(p.StatusText),
		},
	}
	if p.Status == network.PeeringPending {
		out.ExpirationTime = aws.Time(p.Expires)
	}
	return out
}

func (s *service) createVpcPeeringConnection(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateVpcPeeringConnectionInput,
) (*sdk.CreateVpcPeeringConnectionOutput, error) {
	tags, err := query.TagsFor(ctx, c, "vpc-peering-connection", in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	if aws.ToString(in.PeerVpcId) == "" {
		return nil, query.Required("peerVpcId")
	}
	p, err := s.network.CreatePeering(ctx, query.ScopeOf(c), network.CreatePeeringInput{
		Requester: aws.ToString(in.VpcId), Accepter: *in.PeerVpcId, Tags: tags,
		Peer: scope.Scope{Account: aws.ToString(in.PeerOwnerId), Region: aws.ToString(in.PeerRegion)},
	})
	if err != nil {
		return nil, err
	}
	out := toPeering(peeringOf(s.view(c), p))
	if p.Status == network.PeeringPending {
		out.Status.Code, out.Status.Message = types.VpcPeeringConnectionStateReasonCodeInitiatingRequest, aws.String(
			"Initiating Request to "+p.AccepterAccount,
		)
	}
	return &sdk.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: &out}, nil
}

func (s *service) describeVpcPeeringConnections(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcPeeringConnectionsInput,
) (*sdk.DescribeVpcPeeringConnectionsOutput, error) {
	found, next, err := query.Describe(s.view(c), in, peeringListing, in.VpcPeeringConnectionIds, in.Filters)
	return &sdk.DescribeVpcPeeringConnectionsOutput{
		VpcPeeringConnections: query.Convert(found, toPeering),
		NextToken:             next,
	}, err
}

func (s *service) acceptVpcPeeringConnection(
	ctx context.Context,
	c *api.Call,
	in *sdk.AcceptVpcPeeringConnectionInput,
) (*sdk.AcceptVpcPeeringConnectionOutput, error) {
	p, err := s.network.AcceptPeering(ctx, query.ScopeOf(c), aws.ToString(in.VpcPeeringConnectionId))
	if err != nil {
		return nil, err
	}
	out := toPeering(peeringOf(s.view(c), p))
	if p.Status == network.PeeringActive {
		out.Status.Code, out.Status.Message = types.VpcPeeringConnectionStateReasonCodeProvisioning, aws.String(
			"Provisioning",
		)
	}
	return &sdk.AcceptVpcPeeringConnectionOutput{VpcPeeringConnection: &out}, nil
}

func (s *service) rejectVpcPeeringConnection(
	ctx context.Context,
	c *api.Call,
	in *sdk.RejectVpcPeeringConnectionInput,
) (*sdk.RejectVpcPeeringConnectionOutput, error) {
	err := s.network.RejectPeering(ctx, query.ScopeOf(c), aws.ToString(in.VpcPeeringConnectionId))
	return &sdk.RejectVpcPeeringConnectionOutput{Return: aws.Bool(true)}, err
}

func (s *service) deleteVpcPeeringConnection(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteVpcPeeringConnectionInput,
) (*sdk.DeleteVpcPeeringConnectionOutput, error) {
	err := s.network.DeletePeering(ctx, query.ScopeOf(c), aws.ToString(in.VpcPeeringConnectionId))
	return &sdk.DeleteVpcPeeringConnectionOutput{Return: aws.Bool(true)}, err
}

func (s *service) modifyVpcPeeringConnectionOptions(
	ctx context.Context, c *api.Call, in *sdk.ModifyVpcPeeringConnectionOptionsInput,
) (*sdk.ModifyVpcPeeringConnectionOptionsOutput, error) {
	requester, err := peeringDNS(in.RequesterPeeringConnectionOptions)
	if err != nil {
		return nil, err
	}
	accepter, err := peeringDNS(in.AccepterPeeringConnectionOptions)
	if err != nil {
		return nil, err
	}
	dns := network.PeeringDNS{Requester: requester, Accepter: accepter}
	p, err := s.network.ModifyPeering(ctx, query.ScopeOf(c), aws.ToString(in.VpcPeeringConnectionId), dns)
	if err != nil {
		return nil, err
	}
	out := &sdk.ModifyVpcPeeringConnectionOptionsOutput{}
	if dns.Requester != nil {
		out.RequesterPeeringConnectionOptions = &types.PeeringConnectionOptions{
			AllowDnsResolutionFromRemoteVpc: aws.Bool(p.RequesterDNS),
		}
	}
	if dns.Accepter != nil {
		out.AccepterPeeringConnectionOptions = &types.PeeringConnectionOptions{
			AllowDnsResolutionFromRemoteVpc: aws.Bool(p.AccepterDNS),
		}
	}
	return out, nil
}

// peeringDNS reads one side's option for names, nil where the request leaves it as it is.
func peeringDNS(side *types.PeeringConnectionOptionsRequest) (*bool, error) {
	if side == nil {
		return nil, nil
	}
	if aws.ToBool(side.AllowEgressFromLocalClassicLinkToRemoteVpc) ||
		aws.ToBool(side.AllowEgressFromLocalVpcToRemoteClassicLink) {
		return nil, query.Invalid("ClassicLink is not there any more: its peering options cannot be true.")
	}
	return side.AllowDnsResolutionFromRemoteVpc, nil
}

// acceptingVPC names the accepter's VPC: it is the caller's, and is opened to the other.
func (s *service) acceptingVPC(c *api.Call, in *sdk.AcceptVpcPeeringConnectionInput) []string {
	v := s.view(c)
	p, err := v.PeeringOf(v.Scope, aws.ToString(in.VpcPeeringConnectionId))
	if err != nil {
		return nil
	}
	return query.Names("vpc", p.Accepter)
}
