package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// dhcpOptionsOf returns the id of the options that a VPC has.
func (l *harness) dhcpOptionsOf(vpc string) string {
	l.t.Helper()
	return *must(l.DescribeVpcs(l.ctx, &sdk.DescribeVpcsInput{VpcIds: []string{vpc}}))(l.t).Vpcs[0].DhcpOptionsId
}

func (l *harness) dhcpOptions(f ...types.Filter) []types.DhcpOptions {
	l.t.Helper()
	return must(l.DescribeDhcpOptions(l.ctx, &sdk.DescribeDhcpOptionsInput{Filters: f}))(l.t).DhcpOptions
}

// TestRegionsDhcpOptions are there for what Terraform's aws_default_vpc_dhcp_options looks for.
func TestRegionsDhcpOptions(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	own := l.dhcpOptions(types.Filter{
		Name: aws.String("key"), Values: []string{"domain-name"},
	}, types.Filter{Name: aws.String("value"), Values: []string{"ec2.internal"}})
	if len(own) != 1 || *own[0].DhcpOptionsId != l.dhcpOptionsOf(p.vpc) || *own[0].OwnerId != account ||
		len(own[0].DhcpConfigurations) != 2 {
		t.Fatalf("the region's own: %+v of %s", own, l.dhcpOptionsOf(p.vpc))
	}
}

func TestDhcpOptions(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	made := must(l.CreateDhcpOptions(l.ctx, &sdk.CreateDhcpOptionsInput{
		DhcpConfigurations: []types.NewDhcpConfiguration{
			{Key: aws.String("domain-name"), Values: []string{"corp.example"}},
			{Key: aws.String("domain-name-servers"), Values: []string{"10.0.1.53", "AmazonProvidedDNS"}},
		},
		TagSpecifications: []types.TagSpecification{
			{ResourceType: "dhcp-options", Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("corp")}}},
		},
	}))(t).DhcpOptions
	id := made.DhcpOptionsId
	if *made.DhcpConfigurations[1].Key != "domain-name-servers" ||
		*made.DhcpConfigurations[1].Values[1].Value != "AmazonProvidedDNS" {
		t.Errorf("made %+v", made)
	}
	if found := l.dhcpOptions(types.Filter{
		Name: aws.String("tag:Name"), Values: []string{"corp"},
	}); len(found) != 1 || *found[0].DhcpOptionsId != *id {
		t.Errorf("by its tag: %+v", found)
	}
	associate := func(id string) error {
		return second(l.AssociateDhcpOptions(l.ctx, &sdk.AssociateDhcpOptionsInput{DhcpOptionsId: &id, VpcId: &p.vpc}))
	}
	remove := func() error {
		return second(l.DeleteDhcpOptions(l.ctx, &sdk.DeleteDhcpOptionsInput{DhcpOptionsId: id}))
	}
	wantCodes(t, []outcome{
		{"associate", associate(*id), ""},
		{"delete what is used", remove(), "DependencyViolation"},
		{"associate nothing", associate(""), "MissingParameter"},
		{"associate what is not", associate("dopt-0123456789abcdef0"), "InvalidDhcpOptionID.NotFound"},
		{"tag", second(l.CreateTags(l.ctx, &sdk.CreateTagsInput{
			Resources: []string{*id}, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}},
		})), ""},
	})
	if got := l.dhcpOptionsOf(p.vpc); got != *id {
		t.Errorf("the VPC has %s, want %s", got, *id)
	}
	if vpcs := must(l.DescribeVpcs(l.ctx, &sdk.DescribeVpcsInput{
		Filters: []types.Filter{filter("dhcp-options-id", *id)},
	}))(t).Vpcs; len(vpcs) != 1 {
		t.Errorf("%d VPCs have it", len(vpcs))
	}
	wantCode(t, "associate none", associate("default"), "")
	if got := l.dhcpOptionsOf(p.vpc); got != "default" {
		t.Errorf("the VPC has %s, want none", got)
	}
	wantCode(t, "delete", remove(), "")
	_, err := l.DescribeDhcpOptions(l.ctx, &sdk.DescribeDhcpOptionsInput{DhcpOptionsIds: []string{*id}})
	wantCode(t, "after its end", err, "InvalidDhcpOptionID.NotFound")
}
