package pick

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type wanted struct {
	ID    string          `json:"id"`
	At    time.Time       `json:"at,omitzero"`
	Any   json.RawMessage `json:"any,omitempty"`
	Inner *struct {
		Names []string `json:"names"`
	} `json:"inner"`
	List []struct {
		N float64 `json:"n"`
	} `json:"list"`
	unread string //nolint:unused // A field without a tag has no place in the shape.
}

func inputs() []string {
	return []string{
		`{}`, ` { "id" : "a\"}\\" , "x":[{"]":"\\"},1.5e3,null,true] , "inner" : { "names" : [ "a" , "b" ] , "more" : { } } } `,
		`{"list":[{"n":1,"m":{"n":2}},{"n":-2e3},{}],"any":{"a":[1,{"b":"]"}]},"at":"2026-06-30T00:00:00Z"}`,
		`{"list":[],"inner":null,"id":"\u00e9\\\\\"","any":"text"}`,
		`{"\u0069d":"an escaped name"}`, `null`, `{"list":null}`,
	}
}

// TestDecodeIsUnmarshal: encoding/json on the whole text is the oracle.
func TestDecodeIsUnmarshal(t *testing.T) {
	t.Parallel()
	s := Of[wanted]()
	for _, text := range inputs() {
		var want, got wanted
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := Decode([]byte(text), s, &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(wanted{})); d != "" {
			t.Errorf("%s\n%s", text, d)
		}
	}
}

func TestDecodeRefusesWhatIsCutOff(t *testing.T) {
	t.Parallel()
	whole := `{"x":{"a":[1,2,{"b":"c"}]},"id":"i","list":[{"n":1}]}`
	for i := range len(whole) {
		var v wanted
		if err := Decode([]byte(whole[:i]), Of[wanted](), &v); err == nil {
			t.Errorf("%q was read", whole[:i])
		}
	}
}

func TestPickerCopiesNoMore(t *testing.T) {
	t.Parallel()
	p := picker{in: []byte(`{"id":"i","x":{"id":1},"inner":{"names":["a"],"y":2},"list":[{"n":1,"z":3}]}`)}
	if err := p.value(Of[wanted]()); err != nil || !p.end() {
		t.Fatal(err, p.end())
	}
	if want := `{"id":"i","inner":{"names":["a"]},"list":[{"n":1}]}`; string(p.out) != want {
		t.Errorf("picked %s, want %s", p.out, want)
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want []string
		bad  bool
	}{
		{`[]`, []string{}, false},
		{` [ {"a":"]"} , [1,2] ,"x\"," ,3, null ] `, []string{`{"a":"]"}`, `[1,2]`, `"x\","`, `3`, `null`}, false},
		{`[{"a":1}`, nil, true},
		{`[1,]`, nil, true},
		{`[1 2]`, nil, true},
		{`[1] 2`, nil, true},
		{`{"a":1}`, nil, true},
		{``, nil, true},
	} {
		got, err := Elements([]byte(tc.text))
		if (err != nil) != tc.bad {
			t.Errorf("%q: error %v", tc.text, err)
			continue
		}
		if err != nil {
			continue
		}
		list := []string{}
		for _, e := range got {
			list = append(list, string(e))
		}
		if d := cmp.Diff(tc.want, list); d != "" {
			t.Errorf("%q: %s", tc.text, d)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	root := Paths("id", "a", "a.b", "a.list")
	for _, tc := range []struct {
		text string
		want []string
		bad  bool
	}{
		{`{}`, []string{"", "", "", ""}, false},
		{` {"x":{"id":9},"id" : "i\\" ,"a": {"c":{"b":0},"b":{"q":1},"list":[1,"]"]} } `, []string{`"i\\"`, `{"c":{"b":0},"b":{"q":1},"list":[1,"]"]}`, `{"q":1}`, `[1,"]"]`}, false},
		{`{"id":1,"id":2,"a":"text"}`, []string{"2", `"text"`, "", ""}, false},
		{`{"\u0069d":true}`, []string{"true", "", "", ""}, false},
		{`{"id":1`, nil, true},
		{`{"id"}`, nil, true},
		{`{"id":1}x`, nil, true},
		{`{"id":}`, nil, true},
		{`{1:2}`, nil, true},
		{``, nil, true},
	} {
		found := make([][]byte, 4)
		err := Find([]byte(tc.text), root, found)
		if (err != nil) != tc.bad {
			t.Errorf("%q: error %v", tc.text, err)
			continue
		}
		if err != nil {
			continue
		}
		got := make([]string, 4)
		for i, b := range found {
			got[i] = string(b)
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%q: %s", tc.text, d)
		}
	}
	for _, bad := range []string{`1`, `{}`, `["a"]`, "\"a\nb\"", `"a`} {
		if s, err := String([]byte(bad)); err == nil || s != "" {
			t.Errorf("String(%q) is %q, %v", bad, s, err)
		}
	}
	if s, err := String([]byte("null")); err != nil || s != "" {
		t.Errorf("String(null) is %q, %v", s, err)
	}
	if got := Text([]byte(`"a\u00e9\""`)) + Text([]byte(`1`)) + Text(nil); got != `aé"` {
		t.Errorf("Text gives %q", got)
	}
}

// FuzzDecode: what is picked of anything is JSON, and valid JSON decodes as
// encoding/json decodes it, except that names are taken as they are written.
func FuzzDecode(f *testing.F) {
	for _, s := range append(inputs(), `{`, `"`, `{"id":`, `{"id":}`, `{"a":1,}`, `{"list":[,]}`, `{"list":[1 2]}`, `nul`, `{} {}`, `{"x":]}`) {
		f.Add(s)
	}
	s := Of[wanted]()
	f.Fuzz(func(t *testing.T, text string) {
		var want, got wanted
		err := Decode([]byte(text), s, &got)
		p := picker{in: []byte(text)}
		if p.value(s) == nil && p.end() && err == nil && !json.Valid(p.out) {
			t.Errorf("picked %q, which is no JSON, from %q", p.out, text)
		}
		folded := strings.ContainsFunc(text, func(r rune) bool { return r == '\\' || r >= 0x80 || (r >= 'A' && r <= 'Z') })
		if !folded && json.Unmarshal([]byte(text), &want) == nil {
			if err != nil || !cmp.Equal(want, got, cmp.AllowUnexported(wanted{})) {
				t.Errorf("%q: %v\n%s", text, err, cmp.Diff(want, got, cmp.AllowUnexported(wanted{})))
			}
		}
	})
}
