// Package document reads command documents: their parameters, and the steps that an agent runs. It reads the
// schemas 1.2, 2.0 and 2.2 in JSON and YAML, checks given parameters and puts them into the steps.
//
// It is pure: server and agent share it, so that both judge a document alike.
//
//	Parse ─→ Document ─┬─ FromLists (the API's form)  ─→ Values ─┬─→ Wire (what travels to the agent)
//	                   └─ FromWire  (what the agent got) ────────┴─→ Steps ─→ Step.Judge ─→ run or skip
package document
