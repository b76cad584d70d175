// Package sql keeps records, commands and settings in an SQL database. The statements are the same on every engine; an
// Engine runs them in transactions of its kind.
package sql
