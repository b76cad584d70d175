package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/aws/fault"
)

// causes says what SQLite's result codes mean to who runs the server, and what to do (https://sqlite.org/rescode.html).
// They are primary codes: the low byte of an extended one.
var causes = map[int]string{
	sqlite3.SQLITE_FULL: "the data directory's disk is full; free space on it",
	sqlite3.SQLITE_IOERR: "the data directory's disk failed with an I/O error; see the kernel's log, and whether a " +
		"quota or a limit on the size of files is reached",
	sqlite3.SQLITE_READONLY: "the data directory is read-only; make its file system and its files writable",
	sqlite3.SQLITE_CANTOPEN: "a file in the data directory cannot be opened; see who owns the directory, and whether " +
		"there are too many open files",
	sqlite3.SQLITE_CORRUPT: "the state is damaged; stop the server and put a copy of it back",
	sqlite3.SQLITE_NOTADB:  "the state is damaged; stop the server and put a copy of it back",
	sqlite3.SQLITE_BUSY:    "another process has locked the state; end it",
	sqlite3.SQLITE_LOCKED:  "another process has locked the state; end it",
	sqlite3.SQLITE_NOMEM:   "there is no memory left",
}

// storageFault says in one plain line what the disk would not do. Errors that are not SQLite's it returns as they are.
func storageFault(err error) error {
	code, ok := resultCode(err)
	if !ok || fault.Is(err, fault.Unavailable) { // it says so already
		return err
	}
	if cause := causes[code]; cause != "" {
		return fault.New(fault.Unavailable, "store", "%s: %w", cause, err)
	}
	return fault.New(fault.Unavailable, "store", "the state could not be read or written: %w", err)
}

// writeFault is storageFault for what undid a commit, which is a fault of the store whatever it was.
func writeFault(err error) error {
	if _, ok := resultCode(err); ok {
		return storageFault(err)
	}
	return fault.New(fault.Unavailable, "store", "the state could not be written: %w", err)
}

// resultCode returns the primary result code in an error of SQLite's, and false for other errors and for a statement
// that was interrupted because its context ended.
func resultCode(err error) (code int, ok bool) {
	var said *sqlite.Error
	if !errors.As(err, &said) {
		return 0, false
	}
	code = said.Code() & 0xff
	return code, code != sqlite3.SQLITE_INTERRUPT
}

// openFault says why the state in a file cannot be opened. A fault that says so already it returns as it is.
func openFault(err error, path string) error {
	var already *fault.Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	if path == "" {
		path = "memory"
	}
	switch code, ok := resultCode(err); {
	case !ok:
		return fmt.Errorf("open the state in %s: %w", path, err)
	case code == sqlite3.SQLITE_CORRUPT, code == sqlite3.SQLITE_NOTADB:
		return damaged(path, err.Error())
	case causes[code] != "":
		return fault.New(fault.Unavailable, "store.Open", "the state in %s cannot be opened: %s: %w", path, causes[code], err)
	}
	return fault.New(fault.Unavailable, "store.Open", "the state in %s cannot be opened: %w", path, err)
}

func damaged(path, what string) error {
	return fault.New(
		fault.Conflict,
		"store.Open",
		"the state in %s is damaged: %s. Put a copy of it back, with its -wal and "+
			"-sequence files if it has them, or begin anew in another data directory",
		path, what,
	)
}
