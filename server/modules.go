package server

import (
	"context"
	"fmt"

	"postern/api"
	"postern/bus"
)

// module is one part of a server. A new service is a package of its own and one value of this type in the list below
// (docs/adding-a-service.md). All members but name may be nil.
type module struct {
	name string
	// open makes the part from the modules before it in the list. Where it fails it has given back what it took.
	open func(context.Context) error
	// services are the AWS endpoints that the part answers.
	services func() []api.Service
	// run works beside requests until its context ends. The server stops when it fails.
	run func(context.Context) error
	// reconcilers run on hints and by the clock, beside requests.
	reconcilers func() []reconciler
	// replicas are the sets of records that the part holds in memory. Where several servers share a database, they are
	// read again when another server has changed them.
	replicas func() []replica
	// close ends the part, after the modules behind it in the list.
	close func() error
}

// parts are the modules that the Server itself refers to.
type parts struct {
	base     *baseModule
	identity *identityModule
	network  *networkModule
	fabric   *fabricModule
	compute  *computeModule
	state    *stateModule
	api      *apiModule
	join     *joinModule
	public   *publicModule
}

// modules is the list of them, in the order in which they are opened; kept is the Base that the server is opened on, or
// nil. A module names those that it is made from.
func (s *Server) modules(kept *Base) []module {
	c, hints := &s.config, new(bus.Local)
	base := &baseModule{config: c, kept: kept}
	state := &stateModule{config: c, base: base, damaged: s.fail}
	identity := &identityModule{config: c, base: base, state: state}
	network := &networkModule{config: c, state: state}
	objects := &s3Module{config: c, base: base, state: state}
	flowLogs := &flowLogsModule{config: c, base: base, network: network, objects: objects}
	fabric := &fabricModule{config: c, flowLogs: flowLogs}
	links := &privateLinkModule{config: c, fabric: fabric}
	compute := &computeModule{config: c, base: base, state: state, identity: identity, network: network, fabric: fabric}
	nodes := &nodesModule{config: c, state: state, identity: identity, compute: compute}
	compute.nodes = nodes
	mailbox := &mailboxModule{config: c}
	commands := &commandsModule{config: c, state: state, nodes: nodes, mailbox: mailbox}
	parameters := &parametersModule{state: state, compute: compute}
	join := &joinModule{
		config: c, base: base, state: state, identity: identity, network: network, fabric: fabric, nodes: nodes,
		hints: hints,
	}
	own := &operatorModule{config: c, identity: identity}
	pipeline := &apiModule{
		operator: own,
		config:   c, base: base, identity: identity, network: network, fabric: fabric, links: links, nodes: nodes,
		services: s.services,
	}
	public := &publicModule{config: c, base: base, api: pipeline}
	s.parts = parts{base, identity, network, fabric, compute, state, pipeline, join, public}
	return []module{
		base.module(),
		state.module(),
		identity.module(),
		network.module(),
		flowLogs.module(),
		fabric.module(),
		links.module(),
		nodes.module(),
		mailbox.module(),
		commands.module(),
		parameters.module(),
		compute.module(),
		(&resolverModule{config: c, network: network, fabric: fabric}).module(),
		(&metadataModule{config: c, identity: identity, network: network, fabric: fabric, compute: compute}).module(),
		(&memoryModule{config: c}).module(),
		(&ec2Module{config: c, identity: identity, network: network, flowLogs: flowLogs, compute: compute}).module(),
		(&ssmModule{
			identity: identity, network: network, nodes: nodes, mailbox: mailbox, commands: commands,
			parameters: parameters, join: join,
		}).module(),
		objects.module(),
		(&messagesModule{config: c, nodes: nodes, mailbox: mailbox, commands: commands}).module(),
		own.module(),
		pipeline.module(),
		join.module(),
		(&backgroundModule{log: c.Log, hints: hints, server: s, config: c, state: state}).module(),
		public.module(),
	}
}

// services are the AWS endpoints of the modules that are open.
func (s *Server) services() []api.Service {
	var all []api.Service
	for _, m := range s.opened {
		if m.services != nil {
			all = append(all, m.services()...)
		}
	}
	return all
}

// checkOrder refuses a list in which a module would be silently without effect: an AWS endpoint behind the pipeline, or
// work behind the module that starts it.
func checkOrder(list []module) error {
	answering, working := false, false
	for _, m := range list {
		switch {
		case m.services != nil && answering:
			return fmt.Errorf("module %s answers an AWS endpoint: put it before %s", m.name, apiName)
		case (m.run != nil || m.reconcilers != nil || m.replicas != nil) && working:
			return fmt.Errorf("module %s works beside requests: put it before %s", m.name, backgroundName)
		}
		answering = answering || m.name == apiName
		working = working || m.name == backgroundName
	}
	return nil
}
