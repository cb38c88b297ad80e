package redact_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/redact"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{`{"a": 1, "secret": "s3cr3t", "b": [{"secret": {"x": ["s3cr3t"]}, "c": null}]}`, `{"a":1,"b":[{"c":null}]}`},
		{`{"secret": 1}`, `{}`},
		{`{"secret": 1, "a": true}`, `{"a":true}`},
		{`[1.50, 12345678901234567890, "<secret>", "secret"]`, `[1.50,12345678901234567890,"<secret>","secret"]`},
		{`"x"`, `"x"`},
		{`{}`, `{}`},
	}
	for _, tt := range tests {
		got, err := redact.Members([]byte(tt.in), "secret")
		if err != nil || string(got) != tt.want {
			t.Errorf("Members(%s) = %s, %v; want %s", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{``, `{`, `{"a":`, `[1,]`, `{} {}`, `nonsense`, strings.Repeat("[", 2000)} {
		if got, err := redact.Members([]byte(in), "secret"); err == nil {
			t.Errorf("Members(%.20s) = %s", in, got)
		}
	}
}

// FuzzMembers: what comes out is JSON without the member, whatever went in.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a": 1, "secret": "x", "b": [{"secret": {}}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := redact.Members(bytes.Clone(in), "secret")
		if err != nil {
			return
		}
		if !json.Valid(out) {
			t.Errorf("%q becomes %q, which is no JSON", in, out)
		}
		again, err := redact.Members(out, "secret")
		if err != nil || !bytes.Equal(again, out) {
			t.Errorf("%q becomes %q, and that %q (%v)", in, out, again, err)
		}
	})
}
