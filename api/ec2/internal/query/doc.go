// Package query is the language that all operations of the EC2 Query API share: filters and pages of the Describe
// calls, tags, the names of resources for policies, values and errors.
package query
