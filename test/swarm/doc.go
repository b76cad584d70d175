// Command swarm is many simulated agents in one process, for measurements. Each is the agent's own code with a
// registration, credentials, connections and a control channel of its own; only what a machine is, is simulated: all
// share one RSA key pair, and scripts are answered instead of run.
//
// It is told what to be, and tells how it is doing, in the words of package swarming.
package main
