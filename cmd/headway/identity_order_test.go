package main

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/backstage"
	"github.com/headway-metrics/headway/collectors/declared"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/schema"
)

// evidence is what each source says of who github:ada is, the best first, and each
// later than the better ones: by time the last would win.
func evidence(t *testing.T) []struct {
	how, person string
	facts       []schema.Fact
} {
	t.Helper()
	day := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	deps := collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}}
	normalize := func(s collectors.Source, ev schema.Event) []schema.Fact {
		facts, err := s.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		return facts
	}
	file := declared.New(declared.Config{People: []declared.Person{{ID: "by-mapping", Identities: []string{"github:ada"}}}}, func() time.Time { return day })
	var mapped []schema.Fact
	if _, err := file.Poll(t.Context(), nil, func(_ context.Context, events ...schema.Event) error {
		for _, ev := range events {
			mapped = append(mapped, normalize(file, ev)...)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	entry := backstage.Entry()
	cfg := entry.Config().(*backstage.Config)
	cfg.URL, cfg.Token, cfg.TrustEmails = "https://portal.acme.example", "of nobody", true
	portal, err := entry.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	user := func(at time.Time, name, rest string) []schema.Fact {
		return normalize(portal, schema.Event{ID: name, Source: backstage.Name, Type: "backstage.entity", Time: at, Data: []byte(
			`{"entity":{"kind":"User","metadata":{"name":"` + name + `"` + rest + `}}`)})
	}
	hub, err := github.New(github.DefaultConfig(), deps, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	// Whose the address is that SSO gives, the catalog knows.
	linked := schema.Event{ID: "s", Source: github.Name, Type: "github.rest.sso", Time: day.AddDate(0, 0, 2), Data: []byte(`{"linked":[{"login":"ada","name_id":"Ada@acme.example"}]}`)}
	sso := append(normalize(hub, linked), user(day, "by-sso", `},"spec":{"profile":{"email":"ada@acme.example"}}`)...)
	mail := &schema.Identity{Ref: "github:ada", PersonID: "by-email", How: "email"}
	mail.Version = schema.IdentityVersion(day.AddDate(0, 0, 3), "email")
	return []struct {
		how, person string
		facts       []schema.Fact
	}{
		{"mapping", "by-mapping", mapped},
		{"catalog", "by-catalog", user(day.AddDate(0, 0, 1), "by-catalog", `,"annotations":{"github.com/user-login":"ada"}},"spec":{}`)},
		{"sso", "by-sso", sso},
		{"email", "by-email", []schema.Fact{mail}},
	}
}

// TestTheBetterEvidenceOfAnIdentityCounts: of two sources that disagree about who
// somebody is the better evidence counts, in either order of arrival, and the
// team that GitHub knows under the login is that person's.
func TestTheBetterEvidenceOfAnIdentityCounts(t *testing.T) {
	t.Parallel()
	all := evidence(t)
	for i, better := range all {
		for _, worse := range all[i+1:] {
			for _, turned := range []bool{false, true} {
				t.Run(better.how+" before "+worse.how, func(t *testing.T) {
					t.Parallel()
					db := clickhousetest.New(t)
					first, second := evidence(t)[i].facts, worse.facts
					if turned {
						first, second = second, first
					}
					joined := &schema.Membership{PersonID: "github:ada", TeamID: "payments", ValidFrom: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
					for _, facts := range [][]schema.Fact{first, second, {joined}} {
						for _, f := range facts {
							if err := schema.Seal(f, 0); err != nil {
								t.Fatal(err)
							}
						}
						if err := db.Insert(t.Context(), facts); err != nil {
							t.Fatal(err)
						}
					}
					_, rows, err := db.Reader.Query(t.Context(), "SELECT p.person_id, t.team_id FROM ref_people AS p INNER JOIN person_teams AS t ON t.person_id = p.person_id WHERE p.ref = 'github:ada'", nil)
					if err != nil {
						t.Fatal(err)
					}
					if len(rows) != 1 || rows[0][0] != better.person || rows[0][1] != "payments" {
						t.Errorf("github:ada is %v, want %s of payments", rows, better.person)
					}
				})
			}
		}
	}
}
