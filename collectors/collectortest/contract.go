package collectortest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Delivery is one webhook request, not yet signed.
type Delivery struct {
	Name string
	// Path is /hooks/<source> when empty.
	Path   string
	Header http.Header
	Body   []byte
}

// Case is a source and what it is to be tried with.
type Case struct {
	Source collectors.Source
	// Deliveries go through the real webhook server.
	Deliveries []Delivery
	// Sign signs a delivery as the sender would; required with Deliveries.
	Sign func(header http.Header, body []byte, now time.Time)
	// Strict paths take a format of Headway's own: they answer nonsense with
	// 400, where every other path must keep it.
	Strict []string
	// Events are read beside those of the deliveries: what a poller emits.
	Events []schema.Event
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// Check runs the contract of a source:
// its ids are deterministic and every delivery is accounted for whatever the
// publisher does; Normalize is pure, deterministic, safe for concurrent use, and
// never panics; its facts seal to the same version each time; and what it
// cannot read reaches the dead letters.
func Check(t *testing.T, c Case) {
	t.Helper()
	if !validName.MatchString(c.Source.Name()) {
		t.Errorf("name %q is not one lower-case word", c.Source.Name())
	}
	events := slices.Clone(c.Events)
	if len(c.Deliveries) > 0 {
		events = append(events, checkDeliveries(t, c)...)
	}
	if len(events) == 0 {
		t.Fatal("the case has neither deliveries nor events")
	}
	t.Run("facts", func(t *testing.T) { checkFacts(t, c.Source, events) })
	t.Run("unreadable", func(t *testing.T) {
		for _, body := range []string{"", "{", "null", "[]", `"x"`, "\xff\xfe", `{"a":1}`} {
			ev := collectors.Unreadable(c.Source.Name(), nil, []byte(body), Time)
			if o := read(c.Source, ev); o.dead == "" {
				t.Errorf("an unreadable event with body %q is not refused", body)
			}
		}
	})
	t.Run("mutations", func(t *testing.T) {
		for _, ev := range events {
			for m := range mutations(ev) {
				if o := read(c.Source, m); o.panicked {
					t.Fatalf("Normalize panics on a changed %s: %s\n%s", ev.Type, o.dead, m.Data)
				}
			}
		}
	})
}

// checkFacts tries Normalize on events as they are.
func checkFacts(t *testing.T, s collectors.Source, events []schema.Event) {
	t.Helper()
	for _, ev := range events {
		name := fmt.Sprintf("event %s of type %s", ev.ID, ev.Type)
		if err := ev.Validate(); err != nil {
			t.Error(err)
		}
		if ev.Source != s.Name() {
			t.Errorf("%s has source %q", name, ev.Source)
		}
		before := bytes.Clone(ev.Data)
		first := Describe(t, s, ev)
		// An error here is one of the first time too, and has ended the test.
		again := make(chan []byte)
		for range 4 {
			go func() { b, _ := describe(s, ev); again <- b }()
		}
		for range 4 {
			if d := cmp.Diff(string(first), string(<-again)); d != "" {
				t.Errorf("%s gives other facts the second time:\n%s", name, d)
			}
		}
		if !bytes.Equal(before, ev.Data) {
			t.Errorf("%s: Normalize changed the payload", name)
		}
		o := read(s, ev)
		if o.panicked {
			t.Errorf("%s: Normalize panics: %s", name, o.dead)
		}
		if o.dead == "" && o.ignored == "" && len(o.facts) == 0 {
			t.Errorf("%s: neither a fact nor ignored by name", name)
		}
		for _, f := range o.facts {
			checkFact(t, s, name, f)
		}
	}
}

func checkFact(t *testing.T, s collectors.Source, name string, f schema.Fact) {
	t.Helper()
	if err := schema.Seal(f, 0); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	once := version(f)
	if err := schema.Seal(f, 0); err != nil || version(f) != once {
		t.Errorf("%s: sealing %s %s twice changes its version (%v)", name, f.Table(), f.FactID(), err)
	}
	if f.FactID() == "" {
		t.Errorf("%s: a fact of %s has no id", name, f.Table())
	}
	if !schema.VersionTime(once).After(schema.MinTime) {
		t.Errorf("%s: %s %s has no time in its version", name, f.Table(), f.FactID())
	}
	if got := meta(f).Source; got != s.Name() {
		t.Errorf("%s: %s %s has source %q", name, f.Table(), f.FactID(), got)
	}
}

// outcome is what the loader would make of an event.
type outcome struct {
	facts    []schema.Fact
	ignored  string
	dead     string
	panicked bool
}

func read(s collectors.Source, ev schema.Event) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome{dead: fmt.Sprintf("panic: %v", p), panicked: true}
		}
	}()
	facts, err := s.Normalize(ev)
	var ignored *schema.IgnoredError
	switch {
	case errors.As(err, &ignored):
		return outcome{ignored: ignored.Reason}
	case err != nil:
		return outcome{dead: err.Error()}
	}
	return outcome{facts: facts}
}

func meta(f schema.Fact) schema.Meta {
	return reflect.ValueOf(f).Elem().FieldByName("Meta").Interface().(schema.Meta)
}

func version(f schema.Fact) uint64 { return meta(f).Version }

func ids(events []schema.Event) []string {
	set := map[string]bool{}
	for _, e := range events {
		set[e.ID] = true
	}
	return slices.Sorted(maps.Keys(set))
}
