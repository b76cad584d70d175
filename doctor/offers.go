package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/aws/fault"
	"postern/aws/service/ec2"
)

// Offer is a service that VPC endpoints can lead to, as the EC2 API lists it.
type Offer struct {
	Name string
	// Gateway and Interface say which kinds of endpoint lead to it, PrivateDNS whether an interface endpoint can take its
	// ordinary names over.
	Gateway, Interface, PrivateDNS bool
}

// mostNamed limits how many services a refusal lists; Amazon has hundreds.
const mostNamed = 20

// offers reads which services endpoints can lead to.
func (r *reader) offers() {
	in := &ec2.DescribeVpcEndpointServicesInput{}
	for {
		out, err := r.EC2.DescribeVpcEndpointServices(r.ctx, in)
		if err != nil {
			r.skip("which services there are endpoints for", err)
			r.Offers = nil
			return
		}
		for i := range out.ServiceDetails {
			d := &out.ServiceDetails[i]
			if d.ServiceName == nil {
				continue
			}
			o := r.offer(*d.ServiceName)
			for _, t := range d.ServiceType {
				o.Gateway = o.Gateway || t.ServiceType == "Gateway"
				o.Interface = o.Interface || t.ServiceType == "Interface"
			}
			o.PrivateDNS = o.PrivateDNS || len(d.PrivateDnsNames) > 0 || aws.ToString(d.PrivateDnsName) != ""
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return
		}
	}
}

// offer returns the service of a name: it stands in the answer once for each kind.
func (r *reader) offer(name string) *Offer {
	i := slices.IndexFunc(r.Offers, func(o Offer) bool { return o.Name == name })
	if i < 0 {
		i = len(r.Offers)
		r.Offers = append(r.Offers, Offer{Name: name})
	}
	return &r.Offers[i]
}

// offer returns what is known of a service, and whether anything is. Where the API tells nothing, a service of Amazon's
// is taken to be as most are; two have gateway endpoints (Amazon VPC, AWS PrivateLink Guide, "Gateway endpoints").
func (f *Facts) offer(service string) (Offer, bool) {
	if len(f.Offers) == 0 {
		gateway := slices.Contains([]string{"s3", "dynamodb"}, shortName(service))
		return Offer{
			Name: service, Interface: true, Gateway: gateway, PrivateDNS: !gateway,
		}, strings.HasPrefix(service, "com.amazonaws.")
	}
	i := slices.IndexFunc(f.Offers, func(o Offer) bool { return o.Name == service })
	if i < 0 {
		return Offer{}, false
	}
	return f.Offers[i], true
}

// checkOffered refuses a service's short name that no service has, where the API has told which there are. Services of
// one's own need not be listed to everybody.
func (t *target) checkOffered(f *Facts) error {
	if !t.short || len(f.Offers) == 0 {
		return nil
	}
	if _, ok := f.offer(t.service); ok {
		return nil
	}
	var names []string
	for _, o := range f.Offers {
		if rest, ok := strings.CutPrefix(o.Name, "com.amazonaws."+f.Region+"."); ok && len(names) < mostNamed {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return fault.New(fault.Invalid, "doctor.Assess",
		"%q is no service that endpoints in %s lead to: %s; or give a host name or an address",
		t.asked, f.Region, strings.Join(names, ", "))
}

// endpointRemedy says which kind of endpoint mends that a service has none in the node's VPC, and how.
// ok is false where nothing is known of the service.
func (a *assessment) endpointRemedy(vpcID, service string) (remedy string, mend Mend, ok bool) {
	o, known := a.facts.offer(service)
	switch {
	case !known:
		return "", mend, false
	case o.Gateway: // it costs nothing, and an interface endpoint to S3 takes no names over without it
		table := a.routeTable()
		if table == "" {
			return "create a gateway endpoint to " + service + ", and a route table with it for subnet " + a.nic.Subnet,
				mend, true
		}
		return fmt.Sprintf("create a gateway endpoint to %s with route table %s of the node's subnet: it takes the "+
			"service's public addresses", service, table), gatewayEndpoint(vpcID, service, table), true
	case o.PrivateDNS:
		return "", interfaceEndpoint(vpcID, service, a.nic.Subnet, a.endpointGroups()), true
	}
	return "create an interface endpoint to " + service +
		" and use its own names: it takes no private names over", mend, true
}

// routeTable returns the table that serves the node's subnet; empty where none does.
func (a *assessment) routeTable() (main string) {
	for _, t := range a.facts.Network.RouteTables {
		if slices.Contains(t.Subnets, a.nic.Subnet) {
			return t.ID
		}
		if t.Main && t.VPC == a.nic.VPC {
			main = t.ID
		}
	}
	return main
}
