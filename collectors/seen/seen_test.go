package seen

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	in := Map{}
	for i := range 10_000 {
		in.Set(fmt.Sprintf("component:default/service-%d", i), fmt.Sprintf("%08x", i))
	}
	in.Set("no\ttab", "x")
	in.Set("x", "no\nnewline")
	in.Set("empty", "")
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out Map
	if err := json.Unmarshal(b, &out); err != nil || !maps.Equal(in, out) || len(out) != 10_001 {
		t.Errorf("%d of %d come back (%v)", len(out), len(in), err)
	}
	if len(b) > 200_000 {
		t.Errorf("%d bytes for ten thousand things", len(b))
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`"AAEA"`))
	f.Add([]byte(`""`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Map
		if json.Unmarshal(b, &m) != nil {
			return
		}
		if _, err := json.Marshal(m); err != nil {
			t.Fatal(err)
		}
	})
}
