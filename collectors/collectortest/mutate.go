package collectortest

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/headway-metrics/headway/schema"
)

// maxMutations bounds the changed payloads tried per event and kind.
const maxMutations = 90

// mutations yields copies of an event with a damaged payload: cut short, a byte
// changed, a value replaced by one of another type, a key missing. The choice is
// the same in every run.
func mutations(ev schema.Event) iter.Seq[schema.Event] {
	rng := rand.New(rand.NewPCG(1, uint64(len(ev.Data)))) //nolint:gosec // Repeatable on purpose.
	return func(yield func(schema.Event) bool) {
		with := func(data []byte) bool {
			m := ev
			m.Data = data
			return yield(m)
		}
		for range min(maxMutations/3, len(ev.Data)) {
			if !with(bytes.Clone(ev.Data[:rng.IntN(len(ev.Data))])) {
				return
			}
			flipped := bytes.Clone(ev.Data)
			flipped[rng.IntN(len(flipped))] = byte(rng.IntN(256)) //nolint:gosec // Below 256.
			if !with(flipped) {
				return
			}
		}
		var doc any
		if json.Unmarshal(ev.Data, &doc) != nil {
			return
		}
		places := count(doc)
		for range min(maxMutations, places*len(replacements)) {
			var copied any
			if json.Unmarshal(ev.Data, &copied) != nil {
				return
			}
			n := rng.IntN(places)
			changed := replace(copied, &n, replacements[rng.IntN(len(replacements))])
			b, err := json.Marshal(changed)
			if err == nil && !with(b) {
				return
			}
		}
	}
}

// missing stands for a key that is not there.
type missing struct{}

var replacements = []any{
	missing{},
	nil, "", "x", "9999-99-99T99:99:99Z", "0001-01-01T00:00:00Z", "2026-01-31", -1, 0, 1e300, true,
	[]any{},
	[]any{nil},
	[]any{"x"},
	map[string]any{},
	map[string]any{"id": nil},
}

// count is the number of values inside v, itself not counted.
func count(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			n += 1 + count(e)
		}
	case []any:
		for _, e := range v {
			n += 1 + count(e)
		}
	}
	return max(n, 1)
}

// replace puts by in the place of the n-th value.
func replace(v any, n *int, by any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if *n == 0 {
				*n = -1
				if by == (missing{}) {
					delete(v, k)
				} else {
					v[k] = by
				}
				return v
			}
			if *n--; *n >= 0 {
				v[k] = replace(v[k], n, by)
			}
			if *n < 0 {
				return v
			}
		}
	case []any:
		for i, e := range v {
			if *n == 0 {
				*n = -1
				v[i] = by
				if by == (missing{}) {
					v[i] = nil
				}
				return v
			}
			if *n--; *n >= 0 {
				v[i] = replace(e, n, by)
			}
			if *n < 0 {
				return v
			}
		}
	}
	return v
}
