package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"strconv"

	shared "postern/store/sql"
)

// sequenceSetting is the setting that counts commits. It changes in each of them.
const sequenceSetting = "sequence"

// sequence is the number of the last commit, in a file beside the database: SQLite takes a write-ahead log that is
// missing or was cut for a shorter one, and what was acknowledged in it would be gone without a word. The file is
// written after a commit is on the disk and not synced, so that it may be behind after a power cut, and is never ahead.
type sequence struct {
	file *os.File
	// last is the number of the last commit.
	last uint64
}

// sequencePath is the file's name.
func sequencePath(path string) string { return path + "-sequence" }

const sequenceSize = 8 + 4 // the number and its checksum

func readSequence(path string) (uint64, error) {
	b, err := os.ReadFile(sequencePath(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("count the commits: %w", err)
	}
	if len(b) != sequenceSize || crc32.ChecksumIEEE(b[:8]) != binary.LittleEndian.Uint32(b[8:]) {
		return 0, nil // there is none yet, or the power went while it was written
	}
	return binary.LittleEndian.Uint64(b), nil
}

// openSequence opens the file, to be written at the next commit. An empty path keeps none.
func openSequence(path string, last uint64) (*sequence, error) {
	s := &sequence{last: last}
	if path == "" {
		return s, nil
	}
	var err error
	if s.file, err = os.OpenFile(sequencePath(path), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("count the commits: %w", err)
	}
	return s, nil
}

// next writes the number of the commit that tx will be.
func (s *sequence) next(tx *shared.Tx) error {
	if s.file == nil {
		return nil
	}
	_, err := tx.Exec(
		`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		sequenceSetting,
		strconv.FormatUint(s.last+1, 10),
	)
	return err
}

// committed notes that it is one.
func (s *sequence) committed() {
	if s.file == nil {
		return
	}
	s.last++
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, sequenceSize), s.last)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	_, _ = s.file.WriteAt(b, 0) // where that fails, less is noticed at the next start
}

func (s *sequence) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
