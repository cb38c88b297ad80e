package e2e

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// crashRounds is how often something is killed.
const crashRounds = 20

const crashSources = `
sources:
  github:
    webhook_secret_file: github.secret
  pagerduty:
    webhook_secrets: ["${file:pagerduty.secret}"]
  jira:
    url: https://acme.atlassian.net
    webhook_secrets: ["${file:jira.secret}"]
`

// tables are compared row for row. What says when something arrived, and the
// versions of derived rows, differ between any two runs and say nothing.
func tables() map[string]string {
	out := map[string]string{
		"receipts":     "SELECT source, event_id, type, outcome, reason, facts FROM receipts FINAL ORDER BY ALL",
		"dead_letters": "SELECT source, event_id, type, reason, payload FROM dead_letters FINAL ORDER BY ALL",
	}
	for _, t := range []string{"commits", "changes", "reviews", "deployments", "incident_updates", "tickets", "requests", "services", "ownerships", "teams"} {
		out[t] = "SELECT * FROM " + t + " FINAL ORDER BY ALL"
	}
	for _, t := range []string{"releases", "changes_deployed", "incidents"} {
		out[t] = "SELECT * EXCEPT (version) FROM " + t + " FINAL ORDER BY ALL"
	}
	return out
}

// TestNothingIsLostOrDoubledByCrashes kills the collector, the pipeline, the
// broker's process and the ClickHouse child at random moments under load, and
// compares every table with that of an undisturbed run (invariants 1 to 3).
func TestNothingIsLostOrDoubledByCrashes(t *testing.T) {
	t.Parallel()
	history := sample.Generate(7, time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC))
	var deliveries []sample.Delivery
	for _, d := range history.Deliveries() {
		if d.At.Before(history.Day(45)) && d.Kind != "api" && d.Kind != "backstage" {
			deliveries = append(deliveries, d)
		}
	}
	t.Logf("%d deliveries in %d rounds", len(deliveries), crashRounds)

	calm := loadInRounds(t, deliveries, func(*installation, int) func() { return func() {} })
	seed := rand.Uint64()
	t.Logf("the moments of the crashes follow from seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	crashed := loadInRounds(t, deliveries, func(in *installation, round int) func() {
		victim := []string{"pipeline", "servers", "warehouse", "collect"}[round%4]
		after := time.Duration(dice.IntN(1200)) * time.Millisecond
		return func() { in.crash(victim, after) }
	})
	for table, want := range calm {
		got := crashed[table]
		if got == want {
			continue
		}
		t.Errorf("%s differs: %s", table, firstDifference(want, got))
	}
	if strings.Count(calm["releases"], "\n") < 100 {
		t.Errorf("too little was derived for the comparison to mean anything: %d releases", strings.Count(calm["releases"], "\n"))
	}
}

func (in *installation) crash(victim string, after time.Duration) {
	<-time.After(after)
	if victim == "warehouse" {
		if pid := in.warehousePID(in.procs["servers"]); pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // It may be between two lives.
		}
		return // Its parent starts it again.
	}
	in.kill(in.procs[victim])
	in.launch(in.procs[victim])
}

// loadInRounds sends the deliveries in rounds to a fresh installation, with what
// disturb returns going on beside each, and returns the final tables.
func loadInRounds(t *testing.T, deliveries []sample.Delivery, disturb func(in *installation, round int) func()) map[string]string {
	t.Helper()
	in := newInstallation(t, crashSources)
	in.start("servers")
	collect := in.start("collect")
	in.start("pipeline")
	sender := sample.Sender{
		URL: "http://" + collect.listen, Secrets: in.secrets, Workers: 8,
		Client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}},
	}
	each := (len(deliveries) + crashRounds - 1) / crashRounds
	for round := range crashRounds {
		part := deliveries[min(round*each, len(deliveries)):min((round+1)*each, len(deliveries))]
		sent := make(chan error, 1)
		go func() {
			_, err := sender.Send(context.WithoutCancel(t.Context()), part)
			sent <- err
		}()
		disturb(in, round)()
		if err := <-sent; err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	in.settle("github", "pagerduty", "jira")
	out := map[string]string{}
	for name, query := range tables() {
		out[name] = in.headway("sql", query, "-o", "csv")
	}
	in.stopAll()
	return out
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "undisturbed " + w[i] + "\n   crashed " + g[i]
		}
	}
	if len(w) > len(g) {
		return "missing " + w[len(g)]
	}
	return "more: " + g[len(w)]
}
