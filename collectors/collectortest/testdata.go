package collectortest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// polled reports whether a type is of what a poller asked for: ".rest." follows
// the source's name.
func polled(source, eventType string) bool { return strings.HasPrefix(eventType, source+".rest.") }

// CheckTestdata runs Check on every event file of dir, through the webhook server
// where a webhook brought it (its type does not begin with "<source>.rest."), and
// holds its facts against the golden file. What a delivery becomes must have the
// type and key that its file states.
func CheckTestdata(t *testing.T, s collectors.Source, sign func(http.Header, []byte, time.Time), dir string) {
	t.Helper()
	c := Case{Source: s, Sign: sign}
	for name, ev := range Events(t, s.Name(), dir) {
		if polled(s.Name(), ev.Type) {
			c.Events = append(c.Events, ev)
			continue
		}
		// The id is that of the delivery for schemes that sign it.
		d := Delivery{Name: name, Header: http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {name}}, Body: ev.Data}
		c.Deliveries = append(c.Deliveries, d)
		rec, ok := s.(collectors.Receiver)
		if !ok {
			t.Errorf("%s: type %s is not of a poller", name, ev.Type)
			continue
		}
		made, err := rec.Events(d.Header, d.Body, Time)
		if err != nil || len(made) == 0 {
			t.Errorf("%s: %d events (%v)", name, len(made), err)
			continue
		}
		if made[0].Type != ev.Type || made[0].Key != ev.Key {
			t.Errorf("%s: the delivery becomes type %q with key %q, the file says %q and %q", name, made[0].Type, made[0].Key, ev.Type, ev.Key)
		}
	}
	if len(c.Deliveries) > 0 {
		c.Deliveries = append(c.Deliveries, Delivery{Name: "nonsense", Header: http.Header{"Webhook-Id": {"nonsense"}}, Body: []byte("{")})
	}
	Check(t, c)
	Golden(t, s, dir)
}

// Fuzz tries any payload, from those of dir on: as a delivery, when the source
// takes them, and as what each type of its poller holds. Nothing may panic, every
// delivery must be kept, and facts must seal.
func Fuzz(f *testing.F, s collectors.Source, dir string) {
	f.Helper()
	for _, ev := range Events(f, s.Name(), dir) {
		f.Add(ev.Type, ev.Data)
	}
	f.Fuzz(func(t *testing.T, eventType string, data []byte) {
		events := []schema.Event{{ID: "1", Source: s.Name(), Type: eventType, Time: Time, Data: data}}
		if rec, ok := s.(collectors.Receiver); ok && !polled(s.Name(), eventType) {
			made, err := rec.Events(http.Header{}, data, Time)
			if err == nil && len(made) == 0 {
				t.Fatal("a delivery is lost")
			}
			events = append(events, made...)
		}
		for _, ev := range events {
			if err := ev.Validate(); err != nil && ev.Type != "" {
				t.Fatal(err)
			}
			facts, err := s.Normalize(ev)
			if err == nil && len(facts) == 0 {
				t.Fatal("neither a fact nor a reason")
			}
			for _, fact := range facts {
				if err := schema.Seal(fact, 0); err != nil || fact.FactID() == "" {
					t.Fatalf("fact %q: %v", fact.FactID(), err)
				}
			}
		}
	})
}

// CheckConfig changes a valid configuration and demands an error that holds want.
func CheckConfig[C any](t *testing.T, valid func() C, validate func(C) error, cases map[string]struct {
	Change func(*C)
	Want   string
},
) {
	t.Helper()
	if err := validate(valid()); err != nil {
		t.Errorf("the valid one: %v", err)
	}
	for name, c := range cases {
		cfg := valid()
		c.Change(&cfg)
		if err := validate(cfg); err == nil || !strings.Contains(err.Error(), c.Want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.Want)
		}
	}
}
