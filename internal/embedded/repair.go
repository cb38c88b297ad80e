package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
)

// repairLog cuts a torn last entry off one of the broker's append logs. The
// broker ignores such a tail when it reads the log but appends behind it, so
// that every offset committed later would be lost at the next crash.
//
// An entry is: length of the rest but the checksum (4 bytes, little-endian),
// CRC-32C of the rest (4), the rest (a version of 2 bytes and the data).
func repairLog(path string, log *slog.Logger) error {
	b, err := os.ReadFile(path) //nolint:gosec // The broker's own directory.
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the broker's log: %w", err)
	}
	valid := validPrefix(b)
	if valid == len(b) {
		return nil
	}
	log.Warn("cutting a torn entry off the broker's log", "file", path, "bytes", len(b)-valid)
	if err := os.Truncate(path, int64(valid)); err != nil {
		return fmt.Errorf("repairing the broker's log: %w", err)
	}
	return nil
}

func validPrefix(b []byte) int {
	const header, minLength = 8, 2
	table := crc32.MakeTable(crc32.Castagnoli)
	pos := 0
	for len(b)-pos >= header+minLength {
		length := int64(binary.LittleEndian.Uint32(b[pos:]))
		if length < minLength || length > int64(len(b)-pos-header) {
			break
		}
		rest := b[pos+header : pos+header+int(length)]
		if crc32.Checksum(rest, table) != binary.LittleEndian.Uint32(b[pos+4:]) {
			break
		}
		pos += header + int(length)
	}
	return pos
}
