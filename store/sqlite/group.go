package sqlite

import (
	"context"
	"fmt"

	"postern/aws/fault"
	shared "postern/store/sql"
)

// Update implements sql.Engine. An error of the disk undoes the whole group.
func (db *engine) Update(ctx context.Context, t shared.Transaction) error {
	c := &change{Transaction: t, ctx: ctx, result: make(chan error, 1)}
	select {
	case db.queue <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	// From here on the change may be committed whatever happens to ctx, so the true result is waited for.
	return <-c.result
}

// commitGroups is the one writer: it commits whatever has queued up while the previous group was being synced.
func (db *engine) commitGroups() {
	defer close(db.done)
	group := make([]*change, 0, maxGroup)
	for first := range db.queue {
		group = append(group[:0], first)
		for len(group) < maxGroup {
			next, ok := db.tryNext()
			if !ok {
				break
			}
			group = append(group, next)
		}
		if err := db.commit(group); err != nil {
			err = writeFault(err)
			for _, c := range group {
				if c.err == nil {
					c.err = err
				}
			}
		}
		for _, c := range group {
			if c.err == nil {
				c.err = c.Told()
			}
			c.result <- c.err
		}
	}
}

func (db *engine) tryNext() (*change, bool) {
	select {
	case c, ok := <-db.queue:
		return c, ok
	default:
		return nil, false
	}
}

// commit runs the group's changes in one transaction, each in its own savepoint when there are several.
func (db *engine) commit(group []*change) error {
	begun, err := db.write.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer begun.Rollback() // no effect after Commit
	tx := shared.NewTx(context.Background(), begun)
	if len(group) == 1 {
		if group[0].err = runChange(tx, group[0]); group[0].err != nil {
			return nil
		}
		return db.end(tx)
	}
	for _, c := range group {
		if err := runSaved(tx, c); err != nil {
			return err
		}
	}
	return db.end(tx)
}

// runSaved runs a change so that it can be undone alone.
func runSaved(tx *shared.Tx, c *change) error {
	if _, err := tx.Exec("SAVEPOINT one"); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	tx.Begin()
	c.err = runChange(tx, c)
	if c.err != nil {
		tx.Undo()
		if _, err := tx.Exec("ROLLBACK TO one"); err != nil {
			// A full disk may have ended the whole transaction (sqlite.org/lang_transaction.html).
			if _, ended := resultCode(c.err); ended {
				return c.err
			}
			return fmt.Errorf("roll back to savepoint: %w", err)
		}
	}
	if _, err := tx.Exec("RELEASE one"); err != nil {
		return fmt.Errorf("release savepoint: %w", err)
	}
	return nil
}

// end commits, and counts.
func (db *engine) end(tx *shared.Tx) error {
	if err := tx.Finish(); err != nil {
		return err
	}
	if err := db.sequence.next(tx); err != nil {
		return fmt.Errorf("count the commit: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	db.sequence.committed()
	return nil
}

func runChange(tx *shared.Tx, c *change) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	// The one writer goes on for all others, whatever is wrong with this change: it is undone like any that fails.
	return storageFault(fault.Contain("store.Update", func() error { return c.Do(tx) }))
}
