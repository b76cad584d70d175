// Package pid1 is the first process of an instance: it starts the node's agent and starts it again when it ends, runs
// the user data once, collects every process that loses its parent, and ends everything when it is told to.
//
// Who boots the instance talks to it over one socket, file 3: "ready" goes out when the agent was started, "stop" comes
// in to end the instance in good order, "plug" and "assign" with a network interface to be made or to be given other
// addresses; the end of the socket means that nobody is left who could say so.
//
// Whoever is root in the instance asks for a reboot or the end at another socket, by shutdown, reboot, poweroff and
// halt, which are names of the agent's program, or by the signals that busybox sends.
package pid1
