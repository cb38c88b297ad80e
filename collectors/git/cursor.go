package git

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// cursor is how far each repository was read, by repository id.
type cursor struct {
	Repos map[string]repoState `json:"repos"`
}

// repoState is what was emitted of one repository.
type repoState struct {
	// Seq grows with each poll that emitted, and goes into the ids of events: a
	// tag made, deleted and made again is three events.
	Seq uint64 `json:"seq"`
	// At is the time of the events of that poll.
	At time.Time `json:"at"`
	// Paths says that the commits were emitted with their paths.
	Paths bool `json:"paths,omitempty"`
	// Heads are the commits of the branches, by configured name.
	Heads map[string]string `json:"heads,omitempty"`
	// Services are hashes of the emitted services, by name.
	Services map[string]string `json:"services,omitempty"`
	Tags     tagStates         `json:"tags,omitempty"`
}

// tagState is what was emitted of one tag.
type tagState struct {
	// hash of the tag's object, commit and time.
	hash string
	// releases are the ids of the deployments that it is.
	releases []string
}

// tagStates are encoded compressed: ten thousand tags are some 100 kB.
type tagStates map[string]tagState

// maxTagState bounds what a damaged cursor can make of itself, in bytes.
const maxTagState = 256 << 20

// MarshalJSON writes one deflated line per tag: name, hash, deployment ids.
// None of them holds a space: git refuses it in a tag, Validate in a service.
func (t tagStates) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("encoding tags: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if _, err := io.WriteString(w, strings.Join(append([]string{name, t[name].hash}, t[name].releases...), " ")+"\n"); err != nil {
			return nil, fmt.Errorf("encoding tags: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encoding tags: %w", err)
	}
	return json.Marshal(b.Bytes())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *tagStates) UnmarshalJSON(b []byte) error {
	var packed []byte
	if err := json.Unmarshal(b, &packed); err != nil {
		return fmt.Errorf("decoding tags: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxTagState))
	if err != nil {
		return fmt.Errorf("decoding tags: %w", err)
	}
	*t = tagStates{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(f) < 2 {
			return fmt.Errorf("decoding tags: line %q has no hash", line)
		}
		(*t)[f[0]] = tagState{hash: f[1], releases: f[2:]}
	}
	return nil
}

func decodeCursor(c collectors.Cursor) (cursor, error) {
	out := cursor{Repos: map[string]repoState{}}
	if len(c) == 0 {
		return out, nil
	}
	if err := json.Unmarshal(c, &out); err != nil {
		return out, fmt.Errorf("reading the cursor of git: %w", err)
	}
	if out.Repos == nil {
		out.Repos = map[string]repoState{}
	}
	return out, nil
}

func encodeCursor(c cursor) (collectors.Cursor, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing the cursor of git: %w", err)
	}
	return b, nil
}
