// Package store is the one durable home of everything Postern was told and has promised. It keeps it in
// SQLite, in one file of this host's (store/sqlite), or in PostgreSQL where several replicas share it (store/postgres).
package store
