package github

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors/pick"
)

var compare = cmp.AllowUnexported(payload{})

func payloads(tb testing.TB) [][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no payloads: %v", err)
	}
	out := [][]byte{
		[]byte(` { "action" : "a\"}" , "x":[{"]":"\\"},1.5e3,null] ,"commits":[ ] , "issue":null , "ref" : "r" } `),
		[]byte(`{"commits":[{"id":"1","zzz":{"id":"2"}},null,{"added":["a","b"]}],"action":"b"}`),
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		var file struct{ Data json.RawMessage }
		if json.Unmarshal(b, &file) == nil && file.Data != nil {
			out = append(out, file.Data)
		}
	}
	return out
}

// TestDecodeIsUnmarshal: encoding/json on the whole payload is the oracle.
func TestDecodeIsUnmarshal(t *testing.T) {
	t.Parallel()
	s := pick.Of[payload]()
	for _, data := range payloads(t) {
		var want, got payload
		wantErr, gotErr := json.Unmarshal(data, &want), pick.Decode(data, s, &got)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("errors differ: %v, want %v\n%s", gotErr, wantErr, data)
		}
		if d := cmp.Diff(want, got, compare); d != "" {
			t.Errorf("%s\n%s", d, data)
		}
	}
}

// FuzzDecode: valid JSON decodes as encoding/json decodes it, except that the
// picker takes names as they are written.
func FuzzDecode(f *testing.F) {
	for _, data := range payloads(f) {
		f.Add(data)
	}
	for _, s := range []string{`{`, `[`, `"`, `{"action":`, `{"action":}`, `{"a":1,}`, `[1,]`, `{"commits":[,]}`, `{"commits":[1 2]}`, `nul`, `{} {}`, `{"x":]}`} {
		f.Add([]byte(s))
	}
	s := pick.Of[payload]()
	f.Fuzz(func(t *testing.T, data []byte) {
		var got payload
		err := pick.Decode(data, s, &got)
		var want payload
		if json.Valid(data) && json.Unmarshal(data, &want) == nil && exactNames(data) {
			if err != nil || !cmp.Equal(want, got, compare) {
				t.Errorf("%q: %v\n%s", data, err, cmp.Diff(want, got, compare))
			}
		}
	})
}

// exactNames says that no name in data could mean a field by case folding or an
// escape, which encoding/json allows and GitHub never does.
func exactNames(data []byte) bool {
	for _, c := range data {
		if c == '\\' || c >= 0x80 || (c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

func BenchmarkDecode(b *testing.B) {
	s := pick.Of[payload]()
	side := map[string]any{"ref": "main", "sha": "x", "repo": map[string]any{"text": string(make([]byte, 5000))}}
	data, err := json.Marshal(map[string]any{
		"action": "closed", "sender": map[string]any{"text": string(make([]byte, 1000))}, "repository": map[string]any{"html_url": "u", "text": make([]int, 2500)},
		"pull_request": map[string]any{"number": 1, "head": side, "base": side},
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, do := range map[string]func(v *payload) error{
		"picked": func(v *payload) error { return pick.Decode(data, s, v) },
		"whole":  func(v *payload) error { return json.Unmarshal(data, v) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				var v payload
				if err := do(&v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
