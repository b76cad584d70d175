// Package iam serves the IAM API: users, roles, instance profiles, policies and access keys as identity.Service
// has them. It translates and decides nothing; operations.go is the table of what it does.
package iam
