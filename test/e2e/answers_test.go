package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/demo"
	"github.com/headway-metrics/headway/internal/sample"
	"github.com/headway-metrics/headway/test/e2e/oracle"
)

// loadTimeout is how long the demo may take to load the organisation on a busy
// machine.
const loadTimeout = 15 * time.Minute

// askers is how many questions are asked at once.
const askers = 4

func sampleEnd() time.Time { return time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC) }

// TestTheSampleOrganisationsAnswers runs "headway demo" and compares every metric
// with what the oracle computes from the organisation's records, then accounts
// for every event sent, and does it again after a restart.
func TestTheSampleOrganisationsAnswers(t *testing.T) {
	t.Parallel()
	history := sample.Generate(demo.Seed, sampleEnd())
	in := newDemo(t)
	in.startDemo()
	in.eventually("loading the sample organisation", loadTimeout, in.loaded)
	in.settle(demoSources()...)

	truth := oracle.New(history)
	list := questions(truth, history.Start.AddDate(0, 0, -14), history.End.AddDate(0, 0, 1))
	points := in.compareAll(truth, list)
	t.Logf("%d questions with %d points", len(list), points)
	if points < 20_000 {
		t.Errorf("only %d points were compared", points)
	}
	in.accountFor(history)
	in.ownersStay(history)
	in.dashboardsShow(history)

	before := in.everything()
	in.stopAll()
	in.startDemo()
	in.settle(demoSources()...)
	if after := in.everything(); after != before {
		t.Errorf("a restart changes what is stored: %s", firstDifference(before, after))
	}
	var totals []oracle.Question
	for _, q := range list {
		if q.Every == "total" {
			totals = append(totals, q)
		}
	}
	in.compareAll(truth, totals)
}

// demoSources are those whose topics the demo fills.
func demoSources() []string {
	return []string{
		"api", "backstage", "config", "events", "git", "github", "gitops", "jira", "pagerduty", "survey_answers", "survey_participation",
	}
}

func newDemo(t *testing.T) *installation {
	t.Helper()
	dir := t.TempDir()
	in := &installation{t: t, dir: dir, config: filepath.Join(dir, "headway.yaml"), procs: map[string]*process{}}
	t.Cleanup(in.stopAll)
	return in
}

// startDemo starts "headway demo" and finds out where its Kafka is.
func (in *installation) startDemo() {
	in.t.Helper()
	in.start("demo", "--data-dir", in.dir, "--backstage-listen", "127.0.0.1:0", "--free-ports", "--end", sampleEnd().Format(time.DateOnly))
	var run struct {
		Brokers []string `json:"brokers"`
	}
	b, err := os.ReadFile(filepath.Join(in.dir, "run.json"))
	if err == nil {
		err = json.Unmarshal(b, &run)
	}
	if err != nil || len(run.Brokers) == 0 {
		in.t.Fatalf("finding the demo's Kafka: %v", err)
	}
	in.kafka = run.Brokers[0]
}

// loaded is nil once the demo says that everything was sent and computed.
func (in *installation) loaded(context.Context) error {
	select {
	case <-in.procs["demo"].ended:
		in.t.Fatalf("the demo ended:\n%s", in.procs["demo"].output.String())
	default:
	}
	var state struct {
		Loaded bool `json:"loaded"`
	}
	b, err := os.ReadFile(filepath.Join(in.dir, "sample.json"))
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err == nil && !state.Loaded {
		err = errors.New("not loaded yet")
	}
	return err
}

// compareAll asks all questions and returns how many points it compared.
func (in *installation) compareAll(truth *oracle.Oracle, list []oracle.Question) int {
	in.t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	total := 0
	next := make(chan oracle.Question)
	for range askers {
		all.Go(func() {
			for q := range next {
				want := truth.Answer(q)
				got, err := in.ask(q)
				mu.Lock()
				if err != nil {
					in.t.Errorf("%s by %v every %s: %v", q.Metric, q.By, q.Every, err)
				} else {
					total += compare(in.t, q, got, want)
				}
				mu.Unlock()
			}
		})
	}
	for _, q := range list {
		next <- q
	}
	close(next)
	all.Wait()
	return total
}

// accountFor finds a receipt of every event that was sent, and no other.
func (in *installation) accountFor(h *sample.History) {
	in.t.Helper()
	want := map[string]int{}
	once := map[string]bool{}
	for _, d := range h.Deliveries() {
		source, id, outcome := sentAs(d)
		if d.Kind == "forged" || once[source+id] {
			continue
		}
		once[source+id] = true
		want[source+" "+outcome] += events(d)
	}
	for _, wrong := range []string{"github dead", "github ignored"} {
		if want[wrong] == 0 {
			in.t.Errorf("the sample sends nothing that is %s", wrong)
		}
	}
	got := map[string]int{}
	for line := range strings.Lines(in.headway("sql", "-o", "csv", `SELECT source, outcome, count() FROM receipts FINAL
		WHERE source IN ('github', 'jira', 'pagerduty', 'api', 'events') OR (source = 'backstage' AND type = 'backstage.analytics') GROUP BY ALL`)) {
		var source, outcome string
		var n int
		if _, err := fmt.Sscanf(strings.ReplaceAll(line, ",", " "), "%s %s %d", &source, &outcome, &n); err == nil {
			got[source+" "+outcome] = n
		}
	}
	for _, key := range slices.Sorted(keysOf(want, got)) {
		if got[key] != want[key] {
			in.t.Errorf("%d receipts of %s, want %d", got[key], key, want[key])
		}
	}
	reasons := in.headway("sql", "-o", "csv", "SELECT reason, detail != '', payload != '', count() FROM dead_letters FINAL GROUP BY ALL")
	if lines := strings.Split(strings.TrimSpace(reasons), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], "unparsable,1,1,12") {
		in.t.Errorf("dead letters are\n%s\nwant 12 unparsable ones with detail and payload", reasons)
	}
	// Whatever was refused must have left nothing behind.
	if n := in.headway("sql", "-o", "csv", `SELECT count() FROM receipts FINAL WHERE event_id IN (
		'00000000-0000-5000-8000-000000000012', '00000000-0000-5000-8000-000000000013', '00000000-0000-5000-8000-000000000014',
		'00000000-0000-5000-8000-000000000015', '00000000-0000-5000-8000-000000000016')`); !strings.HasSuffix(strings.TrimSpace(n), "\n0") {
		in.t.Errorf("forged deliveries have receipts: %s", n)
	}
}

// sentAs is the source that takes a delivery, what makes two deliveries the
// same, and what must become of it.
func sentAs(d sample.Delivery) (source, id, outcome string) {
	outcome = "facts"
	switch d.Kind {
	case "github":
		id = d.Header.Get("X-GitHub-Delivery")
		body := d.Body()
		switch {
		case !json.Valid(body):
			outcome = "dead"
		case d.Header.Get("X-GitHub-Event") == "ping" || d.Header.Get("X-GitHub-Event") == "deployment_status" && isInactive(body):
			outcome = "ignored"
		}
		return "github", id, outcome
	case "jira", "pagerduty":
		return d.Kind, d.Header.Get("X-Atlassian-Webhook-Identifier") + d.Header.Get("X-Webhook-Id"), outcome
	case "api":
		source = "api"
		if d.Path == "/v1/events" {
			source = "events"
		}
	default:
		source = d.Kind
	}
	return source, d.Path + string(d.Body()), outcome
}

func isInactive(body []byte) bool {
	var p struct {
		Status struct {
			State string `json:"state"`
		} `json:"deployment_status"`
	}
	return json.Unmarshal(body, &p) == nil && p.Status.State == "inactive"
}

// events is how many events a delivery holds: one for each object of a list.
func events(d sample.Delivery) int {
	var list []json.RawMessage
	if d.Kind == "api" && json.Unmarshal(d.Body(), &list) == nil {
		return len(list)
	}
	return 1
}

func keysOf(maps ...map[string]int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, m := range maps {
			for k := range m {
				if !seen[k] && !yield(k) {
					return
				}
				seen[k] = true
			}
		}
	}
}

// ownersStay asks for the services that changed hands, by team and week: weeks
// before the reorganisation are the old team's, weeks after it the new one's.
func (in *installation) ownersStay(h *sample.History) {
	in.t.Helper()
	moved := 0
	for _, s := range h.Services {
		if len(s.Owners) < 2 {
			continue
		}
		moved++
		out := in.headway("sql", "-o", "csv", fmt.Sprintf(`SELECT team_id, toString(toDate(min(finished_at))), toString(toDate(max(finished_at))), count()
			FROM releases FINAL WHERE service_id = '%s' GROUP BY team_id ORDER BY min(finished_at)`, s.ID))
		lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
		if len(lines) != 2 {
			in.t.Errorf("%s has releases of %d teams, want 2:\n%s", s.ID, len(lines), out)
			continue
		}
		day := s.Owners[1].From.Format(time.DateOnly)
		old, fresh := strings.Split(lines[0], ","), strings.Split(lines[1], ",")
		if old[0] != s.Owners[0].Team || fresh[0] != s.Owners[1].Team || old[2] >= day || fresh[1] < day {
			in.t.Errorf("%s moves on %s from %s to %s, and the releases say\n%s", s.ID, day, s.Owners[0].Team, s.Owners[1].Team, out)
		}
	}
	if moved == 0 {
		in.t.Error("no service changes hands")
	}
}

// dashboardsShow runs every query of every dashboard, none of which may fail. Nor
// may one be empty both in a window that ends with the history, where nothing is
// provisional, and in one that ends now, when nobody uses anything any more.
func (in *installation) dashboardsShow(h *sample.History) {
	in.t.Helper()
	empty := map[string]int{}
	for _, to := range []string{strconv.FormatInt(h.End.AddDate(0, 0, 1).UnixMilli(), 10), "now"} {
		_, err := in.tryHeadway("dashboards", "verify", "--sample", "--quiet", "--from", strconv.FormatInt(h.Start.UnixMilli(), 10), "--to", to)
		if err == nil {
			continue
		}
		for line := range strings.Lines(err.Error()) {
			_, line, _ = strings.Cut(line, "headway-")
			dashboard, ok := strings.CutSuffix(strings.TrimSpace(line), ": no value on the sample organisation")
			if empty[dashboard]++; !ok || empty[dashboard] == 2 {
				in.t.Errorf("dashboards verify: %s: %v", line, err)
			}
		}
	}
}

// everything is the number of rows of every fact and a hash of what was derived.
func (in *installation) everything() string {
	in.t.Helper()
	var b strings.Builder
	for _, table := range []string{
		"receipts", "commits", "changes", "reviews", "deployments", "incident_updates", "tickets", "requests",
		"capability_uses", "workloads", "services", "ownerships", "teams", "memberships", "survey_answers", "survey_participation",
	} {
		fmt.Fprintf(&b, "%s %s", table, in.headway("sql", "-o", "csv", "SELECT count() FROM "+table+" FINAL"))
	}
	for _, table := range []string{"releases", "changes_deployed", "incidents"} {
		fmt.Fprintf(&b, "%s %s", table, in.headway("sql", "-o", "csv",
			"SELECT count(), sum(cityHash64(*)) FROM (SELECT * EXCEPT (version) FROM "+table+" FINAL)"))
	}
	return b.String()
}
