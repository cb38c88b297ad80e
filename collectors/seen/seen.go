// Package seen remembers inside a poller's cursor what was emitted of each thing,
// for systems that cannot be asked what changed. It is compressed, since a cursor
// is one message of Kafka.
package seen

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxText bounds what a damaged cursor can make of itself, in bytes.
const maxText = 256 << 20

// Map is the state of each thing by its name. Neither may hold a tab or a newline
// in a name, nor a newline in a state; Set leaves out those that do.
type Map map[string]string

// Set remembers a state.
func (m Map) Set(name, state string) {
	if !strings.ContainsAny(name, "\t\n") && !strings.Contains(state, "\n") {
		m[name] = state
	}
}

// MarshalJSON writes one line per thing, deflated.
func (m Map) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("encoding what was seen: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if _, err := io.WriteString(w, name+"\t"+m[name]+"\n"); err != nil {
			return nil, fmt.Errorf("encoding what was seen: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encoding what was seen: %w", err)
	}
	return json.Marshal(b.Bytes())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Map) UnmarshalJSON(b []byte) error {
	var packed []byte
	if err := json.Unmarshal(b, &packed); err != nil {
		return fmt.Errorf("decoding what was seen: %w", err)
	}
	*m = Map{}
	if len(packed) == 0 {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxText))
	if err != nil {
		return fmt.Errorf("decoding what was seen: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, state, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			return fmt.Errorf("decoding what was seen: line %q has no state", line)
		}
		(*m)[name] = state
	}
	return nil
}
