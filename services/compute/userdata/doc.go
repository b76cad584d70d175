// Package userdata is what an instance does, once in its life, with the data that its user gives it: it runs a
// script, or does what a part of cloud-init's #cloud-config says. The rest of that language is refused by its name,
// so that nobody believes that it was done.
package userdata
