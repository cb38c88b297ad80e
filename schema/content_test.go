package schema

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// facts are one of each kind that has something others have not.
func facts() []Fact {
	return []Fact{
		&Commit{}, &Change{}, &Review{}, &Build{}, &Deployment{}, &IncidentUpdate{}, &Tag{}, &Ticket{}, &Receipt{}, &DeadLetter{},
		&Service{}, &Ownership{}, &Identity{}, &SurveyAnswer{}, &Cost{}, &Finding{}, &Request{},
	}
}

// fill draws a value for each field.
func fill(t *rapid.T, v reflect.Value, label string) {
	switch v.Kind() { //nolint:exhaustive // The rest has nothing to draw.
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.StringMatching(`[a-z0-9/:.#-]{0,20}`), rapid.String(), rapid.SampledFrom([]string{"a\x80b", "<&>", "\u2028", "\x7f"})).Draw(t, label))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, label) >> (64 - v.Type().Bits()))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, label))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, label+" is there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), label)
		}
	case reflect.Slice:
		n := rapid.IntRange(-1, 3).Draw(t, label+" length")
		if n < 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), label)
		}
	case reflect.Struct:
		if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
			*at = time.UnixMilli(rapid.Int64Range(-1<<42, 1<<43).Draw(t, label))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	}
}

// TestContentIsJSON: what is hashed of a sealed fact is byte for byte its JSON.
func TestContentIsJSON(t *testing.T) {
	t.Parallel()
	for _, f := range facts() {
		t.Run(f.Table(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				v := reflect.New(reflect.TypeOf(f).Elem())
				fill(t, v.Elem(), "fact")
				if err := Seal(v.Interface().(Fact), 0); err != nil {
					t.Fatal(err)
				}
				want, err := json.Marshal(v.Interface())
				if err != nil {
					t.Fatal(err)
				}
				got, err := appendFact(nil, v.Elem())
				if err != nil || string(got) != string(want) {
					t.Fatalf("%v\n got %s\nwant %s", err, got, want)
				}
			})
		})
	}
}

func TestSealRefusesWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	for _, amount := range []float64{math.NaN(), math.Inf(1)} {
		if err := Seal(&Cost{Amount: amount}, 0); err == nil {
			t.Errorf("%v was accepted", amount)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	at := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	build := Build{
		Meta: Meta{Source: "events", URL: "https://ci.acme.example/service/runs/17", Version: NewVersion(at, 1)}, Repo: "github.com/acme/service",
		BuildID: "events:https://ci.acme.example/service#run/17", Pipeline: "build-and-test", Commit: "0123456789012345678901234567890123456789",
		Status: StatusSuccess, CreatedAt: at, StartedAt: &at, FinishedAt: &at,
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Seal(&build, 0); err != nil {
			b.Fatal(err)
		}
	}
}
