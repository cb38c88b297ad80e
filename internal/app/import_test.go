package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/csv"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// loading is a pipeline that loads what is imported, and a client beside it.
type loading struct {
	*Client
	db *clickhousetest.Database
}

func newLoading(t *testing.T) *loading {
	t.Helper()
	db, broker := clickhousetest.New(t), kafkatest.New(t)
	client := broker.Client(t)
	broker.Topics(t, client, 1, schema.RawTopic(csv.Name), schema.TopicDirty, schema.TopicDeadLetter)
	src, err := csv.Entry().New(csv.Entry().Config(), collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: http.DefaultClient, StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	publisher := client.NewPublisher()
	loader, err := pipeline.NewLoader(pipeline.Options{
		Normalizers: map[string]pipeline.Normalizer{csv.Name: src}, Sink: db.Conn, Outbox: outbox{publisher}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- client.Consume(ctx, kafka.ConsumerConfig{Group: groupLoad, Topics: []string{schema.RawTopic(csv.Name)}, FlushEvery: 20 * time.Millisecond},
			func(ctx context.Context, batch []kafka.Message) error { return loader.Handle(ctx, events(batch)) })
	}()
	l := &loading{db: db, Client: &Client{
		ep: endpoints{Kafka: broker.Config, Read: db.ReadConfig, Write: db.WriteConfig}, log: slog.New(slog.DiscardHandler),
	}}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		l.Close()
		if err := publisher.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// imported imports a file and waits until it is loaded.
func (l *loading) imported(t *testing.T, kind, text string, replace bool) ImportResult {
	t.Helper()
	path := filepath.Join(t.TempDir(), kind+".csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	req := ImportRequest{Path: path, Replace: replace, Table: csv.Table{Kind: kind}, OnProgress: func(int64, int64) {}}
	res, err := l.Import(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	client, err := l.Kafka()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		lags, err := client.Lag(t.Context(), groupLoad, schema.RawTopic(csv.Name))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(lags, func(p kafka.PartitionLag) bool { return p.Messages > 0 }) {
			return res
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatal("the rows are not loaded")
	return res
}

// rows are those of a query, as text.
func (l *loading) rows(t *testing.T, query string) []string {
	t.Helper()
	_, rows, err := l.db.Reader.Query(t.Context(), query, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, 0, len(rows))
	for _, r := range rows {
		out = append(out, strings.TrimSuffix(fmt.Sprintln(r...), "\n"))
	}
	return out
}

func everyKind() map[string]string {
	return map[string]string{
		"teams":            "SELECT source, team_id, name, kind, parent FROM teams FINAL ORDER BY team_id",
		"people":           "SELECT source, person_id, is_bot FROM people FINAL ORDER BY person_id",
		"memberships":      "SELECT source, person_id, team_id, toDate(valid_from), ifNull(toString(toDate(valid_to)), 'now') FROM memberships FINAL ORDER BY person_id, valid_from",
		"identities":       "SELECT source, ref, person_id, how FROM identities FINAL ORDER BY ref",
		"services":         "SELECT source, service_id, repo, arrayStringConcat(paths, '+'), arrayStringConcat(aliases, '+') FROM services FINAL ORDER BY service_id",
		"ownerships":       "SELECT claim, service_id, team_id, toDate(valid_from) FROM ownerships FINAL ORDER BY service_id, valid_from",
		"workloads":        "SELECT source, workload_id, toDate(day), on_platform FROM workloads FINAL ORDER BY workload_id",
		"incident_updates": "SELECT source, incident_id, kind, toString(at), arrayStringConcat(service_refs, '+') FROM incident_updates FINAL ORDER BY incident_id, at",
		"tickets":          "SELECT source, ticket_id, type, toString(created_at), status FROM tickets FINAL ORDER BY ticket_id",
	}
}

// TestImportEveryKind: the README's example of each kind is imported and becomes
// facts; all of them again change nothing.
func TestImportEveryKind(t *testing.T) {
	t.Parallel()
	l := newLoading(t)
	importAll := func() map[string][]string {
		for _, kind := range csv.Kinds() {
			text, err := os.ReadFile("../../collectors/csv/testdata/" + kind + ".csv")
			if err != nil {
				t.Fatal(err)
			}
			l.imported(t, kind, string(text), false)
		}
		out := map[string][]string{}
		for table, query := range everyKind() {
			out[table] = l.rows(t, query)
		}
		return out
	}
	got := importAll()
	for table, want := range map[string][]string{
		"teams":  {"csv payments Payments stream shop", "csv platform Platform platform "},
		"people": {"csv ada 0", "csv build-bot 1", "csv grace 0"},
		"memberships": {
			"csv ada payments 2026-01-01 00:00:00 +0000 UTC now", "csv grace platform 2025-01-01 00:00:00 +0000 UTC 2026-03-31",
			"csv linus payments 2025-01-01 00:00:00 +0000 UTC 2026-01-01", "csv linus platform 2026-01-01 00:00:00 +0000 UTC now",
		},
		"identities": {
			"csv github:ada ada mapping", "csv github:grace grace mapping", "csv github:linus linus mapping", "csv pagerduty:PU1 ada mapping", "csv pagerduty:PU7 linus email",
		},
		"services": {"csv checkout github.com/acme/shop checkout/+lib/ pagerduty:PX1+argocd:checkout", "csv ledger github.com/acme/ledger  "},
		"ownerships": {
			"csv checkout payments 1970-01-01 00:00:00 +0000 UTC", "csv ledger platform 2025-01-01 00:00:00 +0000 UTC", "csv ledger payments 2026-04-01 00:00:00 +0000 UTC",
		},
		"workloads": {"csv csv://vm/old-vm 2026-05-01 00:00:00 +0000 UTC no", "csv csv:eu-1/shop/Deployment/web 2026-05-01 00:00:00 +0000 UTC yes"},
		"incident_updates": {
			"csv csv:INC-7 triggered 2026-05-01 10:05:00.000 checkout+ledger", "csv csv:INC-7 acknowledged 2026-05-01 10:09:00.000 checkout+ledger",
			"csv csv:INC-7 resolved 2026-05-01 10:35:00.000 checkout+ledger", "csv csv:INC-8 triggered 2026-05-03 22:00:00.000 ledger",
		},
		"tickets": {"csv csv:BUG-2 bug 2026-05-03 00:00:00.000 open", "csv csv:SUP-1 support 2026-05-01 10:00:00.000 closed"},
	} {
		if !slices.Equal(got[table], want) {
			t.Errorf("%s:\n%s\nwant\n%s", table, strings.Join(got[table], "\n"), strings.Join(want, "\n"))
		}
	}
	if outcomes := l.rows(t, "SELECT outcome, count() FROM receipts FINAL GROUP BY outcome"); !slices.Equal(outcomes, []string{"facts 19"}) {
		t.Errorf("receipts: %v", outcomes)
	}
	for table, again := range importAll() {
		if !slices.Equal(again, got[table]) {
			t.Errorf("%s after the same files again:\n%s", table, strings.Join(again, "\n"))
		}
	}
}

// TestImportReplaces what was imported before of what the file's columns are about.
func TestImportReplaces(t *testing.T) {
	t.Parallel()
	l := newLoading(t)
	l.imported(t, "people", "id,team,identities\nada,payments,github:ada\ngrace,payments,github:grace|pagerduty:P2\n", false)
	l.imported(t, "teams", "id\npayments\n", false)
	res := l.imported(t, "people", "id,team\nada,platform\n", true)
	// Grace, and the memberships of both; the file has no column of identities.
	if res.Withdrawn != 3 {
		t.Errorf("%d withdrawn", res.Withdrawn)
	}
	for query, want := range map[string][]string{
		"SELECT person_id FROM people FINAL":               {"ada"},
		"SELECT person_id, team_id FROM memberships FINAL": {"ada platform"},
		"SELECT ref FROM identities FINAL ORDER BY ref":    {"github:ada", "github:grace", "pagerduty:P2"},
		"SELECT team_id FROM teams FINAL":                  {"payments"},
	} {
		if got := l.rows(t, query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if res := l.imported(t, "people", "id,team\nada,platform\n", true); res.Withdrawn != 0 {
		t.Errorf("the same again withdrew %d", res.Withdrawn)
	}
	l.imported(t, "owners", "service,team,from\nshop,payments,2026-01-01\nshop,platform,2026-04-01\n", false)
	if res := l.imported(t, "owners", "service,team,from\nshop,payments,2026-01-01\n", true); res.Withdrawn != 1 {
		t.Errorf("%d owners withdrawn", res.Withdrawn)
	}
	if got := l.rows(t, "SELECT service_id, arrayMap(o -> o.2, owners) FROM service_owners"); !slices.Equal(got, []string{"shop [payments]"}) {
		t.Errorf("owners: %v", got)
	}
	if err := CanReplace("incidents"); err == nil {
		t.Error("incidents can be replaced")
	}
}

// TestAWrongFilePublishesNothing.
func TestAWrongFilePublishesNothing(t *testing.T) {
	t.Parallel()
	l := newLoading(t)
	path := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(path, []byte("id\nada\ngrace\nada\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := l.Import(t.Context(), ImportRequest{Path: path, Table: csv.Table{Kind: "people"}, OnProgress: func(int64, int64) { t.Error("something is published") }})
	if err == nil || !strings.Contains(err.Error(), "line 4: people ada is on line 2 already") {
		t.Error(err)
	}
}
