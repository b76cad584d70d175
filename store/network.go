package store

import (
	"context"

	"postern/network"
)

// Network keeps the intended network.
type Network struct{ book book }

var _ network.Store = Network{}

// NetworkOf returns the part of the store that keeps the intended network.
func NetworkOf(db *DB) Network {
	return Network{book{db.Set("network"), []string{
		string(network.KindVPC), string(network.KindSubnet), string(network.KindRouteTable), string(network.KindInternetGateway),
		string(network.KindNetworkACL), string(network.KindSecurityGroup), string(network.KindInterface), string(network.KindEndpoint),
		string(network.KindPrefixList), string(network.KindPeering), string(network.KindDhcpOptions), string(network.KindEndpointService),
		string(network.KindConnectionNotification), string(network.KindElasticIP), string(network.KindNATGateway),
		string(network.KindFlowLog), string(network.KindToken), string(network.KindResolverEndpoint), string(network.KindResolverRule),
	}}}
}

// Load implements network.Store.
func (n Network) Load(ctx context.Context) ([]network.Record, uint64, error) {
	entries, version, err := n.book.load(ctx)
	records := make([]network.Record, len(entries))
	for i, e := range entries {
		records[i] = network.Record{Kind: network.Kind(e.kind), ID: e.id, Body: e.body}
	}
	return records, version, err
}

// Commit implements network.Store.
func (n Network) Commit(ctx context.Context, base uint64, changes []network.Change) error {
	entries := make([]entry, len(changes))
	for i, c := range changes {
		entries[i] = entry{string(c.Kind), c.ID, c.Body, c.Delete}
	}
	return n.book.commit(ctx, base, entries)
}
