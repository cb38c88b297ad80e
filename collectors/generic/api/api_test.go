package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/generic/api"
	"github.com/headway-metrics/headway/schema"
)

func source(tb testing.TB) collectors.Source {
	tb.Helper()
	s, err := api.Entry().New(api.Entry().Config(), collectors.Deps{APIToken: "t0k3n"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// allKinds are the names of everything that is taken.
func allKinds() []string {
	return []string{
		"deployments", "incidents", "requests", "workloads", "findings", "scans", "policy-results", "costs",
		"teams", "people", "memberships", "identities", "services", "owners", "tickets",
	}
}

func sign(h http.Header, _ []byte, _ time.Time) { h.Set("Authorization", "Bearer t0k3n") }

func post(t *testing.T, path, body string) (status int, message string, events []schema.Event) {
	t.Helper()
	var p collectortest.Publisher
	d := collectortest.Delivery{Path: path, Header: http.Header{}, Body: []byte(body)}
	sign(d.Header, d.Body, collectortest.Time)
	rec := collectortest.Post(collectortest.NewServer(t, source(t), &p), d)
	var answer struct {
		Error struct{ Message string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("answer is not JSON: %v", err)
	}
	return rec.Code, answer.Error.Message, p.Events()
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := collectortest.Case{Source: source(t), Sign: sign}
	for _, kind := range allKinds() {
		c.Strict = append(c.Strict, "/v1/"+kind)
	}
	for _, path := range c.Strict {
		body, err := os.ReadFile("testdata/" + strings.TrimPrefix(path, "/v1/") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		c.Deliveries = append(c.Deliveries, collectortest.Delivery{Name: path, Path: path, Body: body})
	}
	collectortest.Check(t, c)
}

// TestGolden sends each file of testdata, and holds the facts of all its objects
// against the golden file.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, kind := range allKinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile("testdata/" + kind + ".json")
			if err != nil {
				t.Fatal(err)
			}
			status, message, events := post(t, "/v1/"+kind, string(body))
			if status != http.StatusAccepted {
				t.Fatalf("answered %d: %s", status, message)
			}
			for _, ev := range events {
				name := strings.NewReplacer("/", "_", ":", "_").Replace(ev.Subject)
				collectortest.GoldenEvent(t, source(t), ev, "testdata/"+kind+"."+name+".golden.json")
			}
		})
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	const (
		deployment = `"id":"1","service":"shop","environment":"prod","version":"v1"`
		finding    = `"id":"1","tool":"t","rule":"r","target":"x","kind":"code"`
	)
	tests := []struct{ path, body, want string }{
		{"deployments", `{` + deployment + `,"status":"success","finished_at":"2026-01-01T00:00:00Z","colour":"red"}`, `unknown field "colour"`},
		{"deployments", `{` + deployment + `,"status":"success"}`, "finished_at: is required"},
		{"deployments", `{` + deployment + `,"status":"running","finished_at":"2026-01-01T00:00:00Z"}`, "finished_at: stands beside"},
		{"deployments", `{` + deployment + `,"status":"running"}`, "created_at: is required"},
		{"deployments", `{` + deployment + `,"status":"done"}`, `status: is "done"; use one of pending, running`},
		{"deployments", `{"id":"1","status":"running","created_at":"2026-01-01T00:00:00Z"}`, "environment: is required\nservice or repository: is required\ncommit or version: is required"},
		{"deployments", `{` + deployment + `,"status":"running","created_at":"yesterday"}`, "yesterday"},
		{"deployments", `{"id":1}`, "id: is a number"},
		{"deployments", `[{` + deployment + `,"status":"running","created_at":"2026-01-01T00:00:00Z"},{"id":"2"}]`, "object 1: environment: is required"},
		{"deployments", `[]`, "an array has 1 to 10000 objects"},
		{"deployments", `{} {}`, "something follows"},
		{"deployments", `nonsense`, "not a JSON object"},
		{"incidents", `{"id":"1"}`, "started_at: is required"},
		{"incidents", `{"id":"1","started_at":"2026-01-01T00:00:00Z","services":[""]}`, "services: holds an empty name"},
		{"incidents", `{"id":"1","started_at":"2026-01-01T00:00:00Z","deleted":true}`, "updated_at: is required with deleted"},
		{"requests", `{"id":"1","capability":"db","channel":"email","status":"open","created_at":"2026-01-01T00:00:00Z"}`, `channel: is "email"`},
		{"requests", `{"id":"1","capability":"db","channel":"manual","status":"completed","created_at":"2026-01-01T00:00:00Z"}`, "completed_at: is required"},
		{"requests", `{"id":"1","capability":"db","channel":"manual","status":"open"}`, "created_at: is required"},
		{"requests", `{"id":"1","capability":"db","channel":"manual","status":"open","created_at":"2026-01-01T00:00:00Z","human_steps":-1}`, "human_steps: is a number"},
		{"requests", `{"id":"1","capability":"db","channel":"manual","status":"open","created_at":"2026-01-01T00:00:00Z","minutes_saved":-1}`, "minutes_saved: is below 0"},
		{"workloads", `{"name":"w","environment":"prod","day":"today"}`, `day: is "today"`},
		{"workloads", `{"environment":"prod","day":"2026-01-01"}`, "name: is required"},
		{"workloads", `{"name":"w","environment":"prod","day":"2026-01-01","on_platform":"maybe"}`, `on_platform: is "maybe"`},
		{"findings", `{` + finding + `,"state":"open"}`, "opened_at: is required"},
		{"findings", `{` + finding + `,"state":"fixed","opened_at":"2026-01-01T00:00:00Z"}`, "closed_at: is required"},
		{"findings", `{` + finding + `,"state":"open","opened_at":"2026-01-01T00:00:00Z","closed_at":"2026-01-01T00:00:00Z"}`, "closed_at: stands beside"},
		{"findings", `{` + finding + `,"state":"open","opened_at":"2026-01-01T00:00:00Z","reason":"accepted"}`, "reason: stands beside"},
		{"findings", `{` + finding + `,"state":"open","opened_at":"2026-01-01T00:00:00Z","deleted":true}`, "updated_at: is required with deleted"},
		{"findings", `{` + finding + `,"state":"open","severity":"HIGH"}`, `severity: is "HIGH"`},
		{"findings", `{"id":"1","state":"open","kind":"code"}`, "tool: is required\nrule: is required\nservice, repository, workload or target: is required"},
		{"scans", `{"tool":"t","target":"x"}`, "at: is required"},
		{"scans", `{"at":"2026-01-01T00:00:00Z"}`, "tool: is required\nservice, repository, workload or target: is required"},
		{"policy-results", `{"policy":"p","resource":"r","outcome":"pass"}`, "at: is required"},
		{"policy-results", `{"policy":"p","resource":"r","outcome":"denied","at":"2026-01-01T00:00:00Z"}`, "id: is required when outcome is denied"},
		{"policy-results", `{"policy":"p","resource":"r","outcome":"violated"}`, `outcome: is "violated"`},
		{"costs", `{"day":"2026-01-01","currency":"EUR"}`, "amount: is required"},
		{"costs", `{"day":"2026-01-01","amount":1,"currency":"euro"}`, `currency: is "euro"`},
		{"teams", `{"name":"Payments"}`, "id: is required"},
		{"teams", `{"id":"a","kind":"squad"}`, `kind: is "squad"; use one of`},
		{"people", `{"id":"ada","from":"2026-01-01"}`, "team: is required beside from and to"},
		{"people", `{"id":"ada","team":"a","from":"January"}`, `"January" is neither 2026-01-31 nor RFC 3339`},
		{"people", `{"id":"ada","team":"a","from":"2026-02-01","to":"2026-01-31"}`, "to: is 2026-01-31, which is not after from"},
		{"people", `{"id":"ada","identities":["Ada Lovelace"]}`, `identities: is "Ada Lovelace"; write system and name`},
		{"memberships", `{"person":"ada"}`, "team: is required"},
		{"identities", `{"identity":"ada","person":"ada"}`, `identity: is "ada"; write system and name`},
		{"identities", `{"identity":"github:ada","person":"ada","how":"display name"}`, "how: is \"display name\""},
		{"services", `{"id":"shop","paths":["a/"]}`, "repository: is required beside paths"},
		{"services", `{"id":"shop","aliases":[""]}`, "aliases: holds an empty name"},
		{"owners", `{"team":"a"}`, "service: is required"},
		{"tickets", `{"id":"1","type":"story"}`, "type: is \"story\""},
		{"tickets", `{"id":"1"}`, "created_at: is required"},
		{"tickets", `{"id":"1","created_at":"2026-01-02T00:00:00Z","resolved_at":"2026-01-01T00:00:00Z"}`, "resolved_at: is before created_at"},
		{"costs", `{"day":"January","amount":1,"currency":"EUR"}`, `day: is "January"`},
	}
	for _, tt := range tests {
		status, message, events := post(t, "/v1/"+tt.path, tt.body)
		if status != http.StatusBadRequest || !strings.Contains(message, tt.want) {
			t.Errorf("%s %s\nanswered %d %q, want 400 with %q", tt.path, tt.body, status, message, tt.want)
		}
		if len(events) > 0 {
			t.Errorf("%s %s: %d events in spite of the mistake", tt.path, tt.body, len(events))
		}
	}
}

func TestLaterVersionsOfTheFormatStayReadable(t *testing.T) {
	t.Parallel()
	ev := schema.Event{
		ID: "1", Source: api.Name, Type: "api.workload", Time: collectortest.Time,
		Data: []byte(`{"name":"w","environment":"prod","day":"2026-01-01","a_later_field":1}`),
	}
	if _, err := source(t).Normalize(ev); err != nil {
		t.Error(err)
	}
}

func FuzzNormalize(f *testing.F) {
	s := source(f)
	types := map[string]string{}
	for _, ep := range s.(collectors.Intake).Endpoints() {
		kind := strings.TrimPrefix(ep.Path, "/v1/")
		body, err := os.ReadFile("testdata/" + kind + ".json")
		if err != nil {
			f.Fatal(err)
		}
		made, err := ep.Receiver.Events(http.Header{}, body, collectortest.Time)
		if err != nil {
			f.Fatal(err)
		}
		for _, ev := range made {
			types[kind] = ev.Type
			f.Add(ev.Type, ev.Data)
		}
	}
	if len(types) != len(allKinds()) {
		f.Fatalf("%d kinds are tried, there are %d", len(types), len(allKinds()))
	}
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		facts, err := s.Normalize(schema.Event{ID: "1", Source: api.Name, Type: typ, Time: collectortest.Time, Data: bytes.Clone(data)})
		if err == nil && len(facts) == 0 {
			t.Error("no fact and no reason")
		}
		if ignored, ok := errors.AsType[*schema.IgnoredError](err); ok {
			t.Errorf("ignored %q, but everything here is a fact or a mistake", ignored.Reason)
		}
		for _, fact := range facts {
			if err := schema.Seal(fact, 0); err != nil || fact.FactID() == "" {
				t.Errorf("fact %q: %v", fact.FactID(), err)
			}
		}
	})
}
