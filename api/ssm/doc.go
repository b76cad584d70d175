// Package ssm serves the Systems Manager API: nodes and activations, documents, Run Command, Parameter Store,
// and what agents call that is in no public model. It translates and decides nothing; operations.go is the table of
// what it does.
//
// What a request can ask for and Postern does not do is refused by name, never passed over.
package ssm
