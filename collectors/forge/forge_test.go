package forge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/schema"
)

var (
	now     = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	errNone = errors.New("there is no such list")
	errBad  = errors.New("bad")
	errAll  = errors.New("the credential is refused")
)

// turn reads four lists, two of which are live, and notes the order.
func turn(fail map[string]error, change func(*forge.Turn)) (read []string, checked map[string]time.Time, err error) {
	t := forge.Turn{
		Checked: map[string]time.Time{}, Interval: time.Minute, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
		Unavailable: func(err error) bool { return errors.Is(err, errNone) },
		Fatal:       func(err error) bool { return forge.Fatal(err, errAll) },
		Between: func(context.Context) error {
			read = append(read, "owners")
			return fail["owners"]
		},
	}
	t.Lists = func(yield func(forge.List) bool) {
		for _, of := range []string{"shop", "web"} {
			for _, name := range []string{"pulls", "runs"} {
				key := of + " " + name
				l := forge.List{Name: name, Of: of, Key: key, Live: name == "runs"}
				l.Read = func(context.Context) error {
					read = append(read, key)
					return fail[key]
				}
				if !yield(l) {
					return
				}
			}
		}
	}
	if change != nil {
		change(&t)
	}
	err = t.Run(context.Background(), fail["before"])
	return read, t.Checked, err
}

func TestTurn(t *testing.T) {
	t.Parallel()
	past := func(t *forge.Turn) { t.PastOnly, t.Between = true, nil }
	for name, tt := range map[string]struct {
		fail   map[string]error
		change func(*forge.Turn)
		// read in this order; checked are those that are not read again at once.
		read, checked string
		want          []error
	}{
		"what is happening is first": {nil, nil, "shop runs, web runs, owners, shop pulls, web pulls", "shop pulls, shop runs, web pulls, web runs", nil},
		"the past alone":             {nil, past, "shop pulls, web pulls", "shop pulls, web pulls", nil},
		"read lately": {
			nil, func(t *forge.Turn) {
				t.Checked["shop runs"] = now.Add(-29 * time.Second)
				t.Checked["shop pulls"] = now
			},
			"web runs, owners, shop pulls, web pulls", "shop pulls, shop runs, web pulls, web runs", nil,
		},
		"nothing to read": {map[string]error{"shop runs": errNone}, nil, "shop runs, web runs, owners, shop pulls, web pulls", "shop pulls, shop runs, web pulls, web runs", nil},
		"a list in trouble": {
			map[string]error{"shop runs": errBad, "owners": errNone, "before": errAll},
			nil,
			"shop runs, web runs, owners, shop pulls, web pulls", "shop pulls, web pulls, web runs",
			[]error{errBad, errNone, errAll},
		},
		"the share of the backfill is spent": {map[string]error{"shop pulls": budget.ErrReserved, "web runs": errBad}, nil, "shop runs, web runs, owners, shop pulls", "shop runs", []error{errBad}},
		"the share is spent in between":      {map[string]error{"owners": budget.ErrReserved}, nil, "shop runs, web runs, owners", "shop runs, web runs", nil},
		"a backfill alone says it":           {map[string]error{"shop pulls": budget.ErrReserved}, past, "shop pulls", "", []error{budget.ErrReserved}},
		"refused":                            {map[string]error{"web runs": fmt.Errorf("asking: %w", errAll)}, nil, "shop runs, web runs", "shop runs", []error{errAll}},
		"refused in between":                 {map[string]error{"owners": errAll}, nil, "shop runs, web runs, owners", "shop runs, web runs", []error{errAll}},
		"more to read":                       {map[string]error{"shop pulls": collectors.ErrMore}, nil, "shop runs, web runs, owners, shop pulls", "shop runs, web runs", []error{collectors.ErrMore}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, checked, err := turn(tt.fail, tt.change)
			if d := cmp.Diff(tt.read, strings.Join(read, ", ")); d != "" {
				t.Errorf("read (-want +got):\n%s", d)
			}
			var keys []string
			for k := range checked {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			if d := cmp.Diff(tt.checked, strings.Join(keys, ", ")); d != "" {
				t.Errorf("checked (-want +got):\n%s", d)
			}
			if (err == nil) != (len(tt.want) == 0) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("error %v lacks %v", err, want)
				}
			}
		})
	}
}

func TestTroubleIsNamed(t *testing.T) {
	t.Parallel()
	if _, _, err := turn(map[string]error{"web runs": errBad}, nil); err == nil || err.Error() != "runs of web: bad" {
		t.Errorf("error %v", err)
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	var got schema.Event
	err := forge.Tell(t.Context(), func(_ context.Context, events ...schema.Event) error { got = events[0]; return nil }, "there", "team", "acme/pay", now, map[string]string{"a": "<b>"}, "k")
	want := schema.Event{
		ID: schema.EventID("there", "team", "k"), Source: "there", Type: "there.rest.team", Time: now, Subject: "acme/pay", Key: "acme/pay", Data: []byte(`{"a":"<b>"}`),
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("event (-want +got):\n%s%v", d, err)
	}
	err = forge.Tell(t.Context(), func(context.Context, ...schema.Event) error { return errBad }, "there", "team", "acme/pay", now, nil)
	if !forge.Fatal(err) || !errors.Is(err, errBad) || forge.Fatal(errBad) || forge.Fatal(nil) {
		t.Errorf("what cannot be published is %v", err)
	}
	if err := forge.Tell(t.Context(), nil, "there", "team", "", now, func() {}); err == nil || !strings.Contains(err.Error(), "envelope of team") {
		t.Errorf("what cannot be written is %v", err)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	var b forge.Batch
	if err := errors.Join(b.Add("there", "run", "host/acme/shop", map[string]any{"n": 1}, "1"), b.Add("there", "run", "host/acme/shop", map[string]any{"n": 2}, "2")); err != nil {
		t.Fatal(err)
	}
	events := b.Stamped(now)
	if len(events) != 2 || events[0].ID != schema.EventID("there", "run", "host/acme/shop", "1") || !events[1].Time.Equal(now) || string(events[1].Data) != `{"n":2}` {
		t.Errorf("events %+v", events)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"":                               forge.Check("sources.there", forge.MinInterval, 0),
		"sources.there.interval: 9s is":  forge.Check("sources.there", 9*time.Second, 1),
		"sources.there.backfill_days: -": forge.Check("sources.there", time.Minute, -1),
	} {
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestApart: what is told of both lists, one after the other, makes the new of the old.
func TestApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-d]{1,2}`), rapid.ID[string])
		was, is := names.Draw(t, "was"), names.Draw(t, "is")
		slices.Sort(was)
		slices.Sort(is)
		gone, added := forge.Apart(was, is)
		got := slices.DeleteFunc(slices.Clone(was), func(x string) bool { return slices.Contains(gone, x) })
		got = append(got, added...)
		slices.Sort(got)
		if !slices.Equal(got, is) {
			t.Fatalf("%q without %q and with %q is %q, want %q", was, gone, added, got, is)
		}
	})
}
