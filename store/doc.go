// Package store is what is true: the one durable home of everything Postern was told and has promised. It implements
// the Store interfaces that the hearts and their supports declare, on SQLite in one file.
//
// A write that returned without error is on the disk: transactions are committed with a full sync, and many writers
// share one commit (group commit), so that durability costs one sync for all who wait.
package store
