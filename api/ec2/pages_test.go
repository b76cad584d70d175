package ec2_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestTokensBelongToTheirRequest: the next page of one question is no page of another.
func TestTokensBelongToTheirRequest(t *testing.T) {
	l := newHarness(t)
	var all []string
	for range 7 {
		all = append(
			all, *must(l.CreateInternetGateway(l.ctx, &sdk.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId,
		)
	}
	slices.Sort(all)
	page := func(in sdk.DescribeInternetGatewaysInput) (*sdk.DescribeInternetGatewaysOutput, error) {
		return l.DescribeInternetGateways(l.ctx, &in)
	}
	first := must(page(sdk.DescribeInternetGatewaysInput{MaxResults: aws.Int32(5)}))(t)
	_, err := page(sdk.DescribeInternetGatewaysInput{
		NextToken: first.NextToken, Filters: []types.Filter{filter("internet-gateway-id", "*")},
	})
	wantCode(t, "a token with another filter", err, "InvalidNextToken")
	_, err = l.DescribeVpcs(l.ctx, &sdk.DescribeVpcsInput{NextToken: first.NextToken})
	wantCode(t, "a token of another operation", err, "InvalidNextToken")

	last := *first.InternetGateways[4].InternetGatewayId
	must(l.DeleteInternetGateway(l.ctx, &sdk.DeleteInternetGatewayInput{InternetGatewayId: &last}))(t)
	rest := must(page(sdk.DescribeInternetGatewaysInput{MaxResults: aws.Int32(6), NextToken: first.NextToken}))(t)
	var got []string
	for _, g := range rest.InternetGateways {
		got = append(got, *g.InternetGatewayId)
	}
	if !slices.Equal(got, all[5:]) || rest.NextToken != nil {
		t.Errorf("after the last row of the page is gone: %v, want %v", got, all[5:])
	}
}

// TestPageSizesAreTheModels: an operation for which the model allows pages of one row has them.
func TestPageSizesAreTheModels(t *testing.T) {
	f := newEverything(t)
	must(f.ModifyManagedPrefixList(f.ctx, &sdk.ModifyManagedPrefixListInput{
		PrefixListId: &f.list, CurrentVersion: aws.Int64(1),
		AddEntries: []types.AddPrefixListEntry{{Cidr: aws.String("10.0.2.0/24")}},
	}))(t)
	in := sdk.GetManagedPrefixListEntriesInput{PrefixListId: &f.list, MaxResults: aws.Int32(1)}
	var got []string
	for pages := sdk.NewGetManagedPrefixListEntriesPaginator(f, &in); pages.HasMorePages(); {
		p := must(pages.NextPage(f.ctx))(t)
		if len(p.Entries) != 1 {
			t.Errorf("%d rows on a page of one", len(p.Entries))
		}
		got = append(got, *p.Entries[0].Cidr)
	}
	if want := []string{"10.0.1.0/24", "10.0.2.0/24"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, err := f.GetManagedPrefixListEntries(f.ctx, &sdk.GetManagedPrefixListEntriesInput{
		PrefixListId: &f.list, MaxResults: aws.Int32(101),
	})
	wantCode(t, "a page larger than the model's", err, "InvalidParameterValue")
}

// TestCreateActionIsJudged: the key is known to be absent from CreateTags, and present where tags come with what is
// made.
func TestCreateActionIsJudged(t *testing.T) {
	l := newHarness(t)
	v := *must(l.CreateVpc(l.ctx, &sdk.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
	u := l.user("AKIACREATEACTION", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ec2:CreateVpc","Resource":"*"},
		{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*","Condition":{
			"StringNotEquals":{"ec2:CreateAction":"CreateVpc"}}}]}`)
	_, err := u.CreateTags(l.ctx, &sdk.CreateTagsInput{Resources: []string{v}, Tags: someTags("a")})
	wantCode(t, "CreateTags", err, "")
	_, err = u.CreateVpc(l.ctx, &sdk.CreateVpcInput{
		CidrBlock: aws.String("10.1.0.0/16"), TagSpecifications: nameTag("vpc", "x"),
	})
	wantCode(t, "CreateVpc with tags", err, "UnauthorizedOperation")
}
