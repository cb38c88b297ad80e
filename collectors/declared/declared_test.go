package declared_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/declared"
	"github.com/headway-metrics/headway/schema"
)

func at(day int) func() time.Time {
	return func() time.Time { return time.Date(2026, 5, day, 12, 0, 0, 0, time.UTC) }
}

func catalogue() declared.Config {
	return declared.Config{
		Teams: []declared.Team{{ID: "payments", Name: "Payments"}, {ID: "platform", Kind: schema.TeamPlatform}},
		Services: []declared.Service{
			{ID: "checkout", Repo: "git@github.com:Acme/Checkout.git", Team: "payments", Aliases: []string{"pagerduty:P1"}, CreatedAt: "2026-04-01"},
			{ID: "ledger", Owners: []declared.Owner{{Team: "payments", Since: "2026-01-01"}, {Team: "platform", Since: "2026-03-15"}}},
		},
		People:       []declared.Person{{ID: "ada", Team: "payments", Since: "2026-02-01", Identities: []string{"github:ada"}}, {ID: "bot", Bot: true}},
		Capabilities: []declared.Capability{{ID: "databases", ReleasedAt: "2026-04-20", Mandated: true}},
	}
}

// poll reads a catalogue once and returns the facts of what it emitted.
func poll(t *testing.T, cfg declared.Config, day int, cursor collectors.Cursor) ([]schema.Fact, collectors.Cursor) {
	t.Helper()
	src := declared.New(cfg, at(day))
	var facts []schema.Fact
	next, err := src.Poll(t.Context(), cursor, func(_ context.Context, events ...schema.Event) error {
		for _, ev := range events {
			if err := ev.Validate(); err != nil {
				return err
			}
			list, err := src.Normalize(ev)
			if err != nil {
				return err
			}
			facts = append(facts, list...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return facts, next
}

func describe(facts []schema.Fact) []string {
	var out []string
	for _, f := range facts {
		line := f.Table() + " " + f.FactID()
		if schema.MetaOf(f).Deleted == 1 {
			line += " deleted"
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

func TestACatalogueBecomesFacts(t *testing.T) {
	t.Parallel()
	facts, _ := poll(t, catalogue(), 1, nil)
	want := []string{
		"capabilities databases",
		"identities github:ada",
		"memberships ada/payments@2026-02-01T00:00:00.000Z",
		"ownerships checkout@1970-01-01T00:00:00.000Z@config",
		"ownerships ledger@2026-01-01T00:00:00.000Z@config",
		"ownerships ledger@2026-03-15T00:00:00.000Z@config",
		"people ada",
		"people bot",
		"services checkout",
		"services ledger",
		"teams payments",
		"teams platform",
	}
	if got := describe(facts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	i := slices.IndexFunc(facts, func(f schema.Fact) bool { return f.FactID() == "checkout" })
	if s := facts[i].(*schema.Service); s.Repo != "github.com/acme/checkout" || s.CreatedAt == nil {
		t.Errorf("service: %+v", s)
	}
}

func TestOnlyWhatChangedIsEmittedAndWhatIsGoneIsWithdrawn(t *testing.T) {
	t.Parallel()
	_, cursor := poll(t, catalogue(), 1, nil)
	if facts, _ := poll(t, catalogue(), 2, cursor); len(facts) != 0 {
		t.Fatalf("the same catalogue was emitted again: %v", describe(facts))
	}
	cfg := catalogue()
	cfg.Teams = cfg.Teams[:1]                                  // A team is gone.
	cfg.Services[1].Owners[1].Since = "2026-04-01"             // An ownership begins later.
	cfg.People[0].Identities = []string{"github:ada-lovelace"} // A login was renamed.
	facts, _ := poll(t, cfg, 3, cursor)
	want := []string{
		"identities github:ada deleted",
		"identities github:ada-lovelace",
		"memberships ada/payments@2026-02-01T00:00:00.000Z",
		"ownerships ledger@2026-01-01T00:00:00.000Z@config",
		"ownerships ledger@2026-03-15T00:00:00.000Z@config deleted",
		"ownerships ledger@2026-04-01T00:00:00.000Z@config",
		"people ada",
		"services ledger",
		"teams platform deleted",
	}
	if got := describe(facts); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnEntryThatCannotBePublishedIsEmittedAgain(t *testing.T) {
	t.Parallel()
	down := errors.New("kafka is away")
	src := declared.New(catalogue(), at(1))
	next, err := src.Poll(t.Context(), nil, func(context.Context, ...schema.Event) error { return down })
	if !errors.Is(err, down) || next != nil {
		t.Fatalf("got cursor %s and %v; want no cursor and the publisher's error", next, err)
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	src := declared.New(catalogue(), at(1))
	var events []schema.Event
	if _, err := src.Poll(t.Context(), nil, func(_ context.Context, list ...schema.Event) error {
		events = append(events, list...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	collectortest.Check(t, collectortest.Case{Source: src, Events: events})
}

func FuzzNormalize(f *testing.F) {
	f.Add([]byte(`{"kind":"team","id":"a","team":{"id":"a"}}`))
	f.Add([]byte(`{"kind":"service","id":"a","gone":true,"before":{"kind":"service","id":"a","service":{"id":"a","owners":[{"team":"t","since":"x"}]}}}`))
	src := declared.New(declared.Config{}, time.Now)
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := src.Normalize(schema.Event{ID: "1", Source: declared.Name, Type: declared.EventType, Time: at(1)(), Data: data})
		if err == nil && len(facts) == 0 {
			t.Error("neither facts nor a reason")
		}
		for _, fact := range facts {
			if err := schema.Seal(fact, 0); err != nil {
				t.Error(fmt.Errorf("sealing %s: %w", fact.FactID(), err))
			}
		}
	})
}
