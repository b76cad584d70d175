// Package doctor says why a node does or does not reach a service of Systems Manager over the private network: which
// requirement is not met, by which resource, and what would mend it. Every kind of finding is a row of one table,
// Kinds.
//
// It works on any EC2 API, Postern's or Amazon's. Read asks the API and gives plain values, Assess judges them with the
// same judges that the running network and the API use, network/vpc and aws/iam, and Report says it in text or JSON:
//
//	node ─→ its resolver ─→ the service's name ─→ the path to each address, and back
//	     ─→ role and endpoint policy ─→ status
package doctor
