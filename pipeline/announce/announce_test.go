package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cdevents/sdk-go/pkg/api"
	v05 "github.com/cdevents/sdk-go/pkg/api/v05"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic/events"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/announce"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// topic keeps what is published.
type topic struct {
	events []schema.Event
	err    error
}

func (p *topic) Publish(_ context.Context, events ...schema.Event) error {
	if p.err == nil {
		p.events = append(p.events, events...)
	}
	return p.err
}

func newAnnouncer(t *testing.T, p *topic) *announce.Announcer {
	t.Helper()
	a, err := announce.New(p, "https://headway.acme.example")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func at(hour int) time.Time { return time.Date(2026, 5, 1, hour, 0, 0, 0, time.UTC) }

func meta(content uint64) schema.DerivedMeta {
	return schema.DerivedMeta{ServiceID: "acme/checkout", TeamID: "payments", Version: uint64(at(20).UnixMilli()), Content: content}
}

// rows are a first release in two environments, an upgrade, a rollback, a failed
// attempt, a change, three incidents, and rows that are withdrawn.
func rows() derive.Differences {
	release := func(id string, hour int, change func(*schema.Release)) schema.Release {
		r := schema.Release{
			DerivedMeta: meta(uint64(hour)), ReleaseID: id, Repo: "github.com/acme/shop", Commit: strings.Repeat("ab", 20), DeployedVersion: "v1+" + id,
			Environments: []string{"production"}, StartedAt: at(hour), FinishedAt: at(hour).Add(time.Minute), Succeeded: 1, URL: "https://ci.acme.example/" + id,
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	incident := func(id, source string, hour int, resolved *time.Time) schema.Incident {
		return schema.Incident{
			DerivedMeta: meta(uint64(100 + hour)), IncidentID: id, Source: source, Title: "Ada Lovelace's laptop", Severity: "sev2", StartedAt: at(hour),
			ResolvedAt: resolved, ReleaseID: "r2", URL: "https://incidents.acme.example/" + id,
		}
	}
	over := at(14)
	return derive.Differences{
		First: map[string]string{"acme/checkout": "r1"},
		Output: derive.Output{
			Releases: []schema.Release{
				release("r3", 13, func(r *schema.Release) { r.Rework, r.ReworkRule = 1, schema.FailureRollback }),
				release("r1", 10, func(r *schema.Release) { r.Environments = []string{"production-us", "production-eu"} }),
				release("r2", 11, func(r *schema.Release) { r.Commit, r.Repo = "", "" }),
				release("r4", 15, func(r *schema.Release) { r.Succeeded = 0 }),
				release("r5", 16, func(r *schema.Release) { r.Excluded = schema.ExcludedAbsurd }),
				{DerivedMeta: schema.DerivedMeta{ServiceID: "acme/checkout", Deleted: 1, Version: 1}, ReleaseID: "r0"},
			},
			Changes: []schema.ChangeDeployed{{DerivedMeta: meta(7), ChangeID: "c1", Title: "Ada Lovelace's change", DeployedAt: at(11)}},
			Incidents: []schema.Incident{
				incident("i1", "pagerduty", 12, &over), incident("i2", "incidentio", 23, nil),
				{DerivedMeta: schema.DerivedMeta{ServiceID: "acme/checkout", Deleted: 1, Version: 1}, IncidentID: "i0"},
			},
		},
	}
}

func TestReleasesIncidentsAndMetrics(t *testing.T) {
	t.Parallel()
	var p topic
	if err := newAnnouncer(t, &p).Announce(t.Context(), rows()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ev := range p.events {
		var e struct {
			Subject struct {
				Content struct {
					Environment     struct{ ID string }
					ArtifactID      string
					Days            []string
					Rows, Withdrawn int
				}
			}
		}
		if err := json.Unmarshal(ev.Data, &e); err != nil {
			t.Fatal(err)
		}
		c := e.Subject.Content
		line := fmt.Sprintf("%s %s %s", ev.Time.Format("15:04"), strings.Join(strings.Split(ev.Type, ".")[2:4], "."), ev.Subject)
		if strings.Contains(ev.Type, "cdeventsx") {
			line += fmt.Sprintf(" %v %d %d", c.Days, c.Rows, c.Withdrawn)
		} else {
			line += fmt.Sprintf(" %s %s", c.Environment.ID, c.ArtifactID)
		}
		got = append(got, strings.TrimSpace(line))
		if ev.Key != "acme/checkout" {
			t.Errorf("%s: key %q", line, ev.Key)
		}
	}
	const vcs = "?vcs_url=git%2Bhttps%3A%2F%2Fgithub.com%2Facme%2Fshop%40abababababababababababababababababababab"
	want := []string{
		"10:01 service.deployed acme/checkout production-eu pkg:generic/acme/checkout@v1%2Br1" + vcs,
		"10:01 service.deployed acme/checkout production-us pkg:generic/acme/checkout@v1%2Br1" + vcs,
		"11:01 service.upgraded acme/checkout production pkg:generic/acme/checkout@v1%2Br2",
		"12:00 incident.detected i1 production pkg:generic/acme/checkout",
		"13:01 service.rolledback acme/checkout production pkg:generic/acme/checkout@v1%2Br3" + vcs,
		"14:00 incident.resolved i1 production pkg:generic/acme/checkout",
		"23:00 incident.reported i2 production pkg:generic/acme/checkout",
	}
	metric := func(id string, days string, n, withdrawn int) {
		want = append(want, fmt.Sprintf("20:00 headway-metric.changed %s/acme/checkout [%s] %d %d", id, days, n, withdrawn))
	}
	for _, id := range []string{"lead_time", "lead_time_coding", "lead_time_pickup", "lead_time_review", "lead_time_deploy", "merge_to_production", "infrastructure_path_share"} {
		metric(id, "2026-05-01", 1, 0)
	}
	for _, id := range []string{"incident_restore_time", "reliability"} {
		metric(id, "2026-05-01", 2, 1)
	}
	for _, id := range []string{
		"deployment_frequency", "deployment_days", "change_failure_rate", "failed_deployment_recovery_time", "deployment_rework_rate", "reliability", "time_to_production",
	} {
		metric(id, "2026-05-01", 5, 1)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTheSDKAcceptsEveryEvent: the schemas of CDEvents v0.5, and what the SDK checks
// beside them, such as package URLs.
func TestTheSDKAcceptsEveryEvent(t *testing.T) {
	t.Parallel()
	var p topic
	if err := newAnnouncer(t, &p).Announce(t.Context(), rows()); err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, ev := range p.events {
		types[ev.Type] = true
		id := "https://cdevents.dev/0.5.0/schema/custom"
		if parts := strings.Split(ev.Type, "."); parts[1] == "cdevents" {
			id = "https://cdevents.dev/0.5.0/schema/" + parts[2] + "-" + parts[3] + "-event"
		}
		compiled := api.CompiledSchemas[id]
		if compiled == nil {
			t.Fatalf("the SDK has no schema %s", id)
		}
		var object any
		if err := json.Unmarshal(ev.Data, &object); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(object); err != nil {
			t.Errorf("%s: %v\n%s", ev.Type, err, ev.Data)
		}
		read, err := v05.NewFromJsonBytes(ev.Data)
		if err != nil {
			t.Fatalf("%s: %v", ev.Type, err)
		}
		if err := api.Validate(read); err != nil {
			t.Errorf("%s: %v\n%s", ev.Type, err, ev.Data)
		}
		if read.GetId() != ev.ID || read.GetSource() != ev.Source || read.GetSubjectId() != ev.Subject || !read.GetTimestamp().Equal(ev.Time) {
			t.Errorf("the CloudEvent %+v says something else than its CDEvent\n%s", ev, ev.Data)
		}
	}
	if len(types) != 7 {
		t.Errorf("%d types: %v", len(types), types)
	}
}

// TestNobodyIsNamed: free text may name people, so none is in an event.
func TestNobodyIsNamed(t *testing.T) {
	t.Parallel()
	var p topic
	if err := newAnnouncer(t, &p).Announce(t.Context(), rows()); err != nil {
		t.Fatal(err)
	}
	for _, ev := range p.events {
		if strings.Contains(string(ev.Data), "Ada") {
			t.Errorf("%s", ev.Data)
		}
	}
}

// TestHeadwayKnowsItsOwnEvents when somebody sends them back to it.
func TestHeadwayKnowsItsOwnEvents(t *testing.T) {
	t.Parallel()
	var p topic
	if err := newAnnouncer(t, &p).Announce(t.Context(), rows()); err != nil {
		t.Fatal(err)
	}
	src, err := events.Entry().New(events.Entry().Config(), collectors.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range p.events {
		ev.Source = events.Name
		facts, err := src.Normalize(ev)
		if _, ignored := errors.AsType[*schema.IgnoredError](err); !ignored {
			t.Errorf("%s becomes %v (%v)", ev.Type, facts, err)
		}
	}
}

// TestIDs: the same rows again, and rows that differ in what is not told, have the
// same ids; another version, environment or time of opening has another.
func TestIDs(t *testing.T) {
	t.Parallel()
	ids := func(change func(*derive.Differences)) []string {
		var p topic
		d := rows()
		change(&d)
		if err := newAnnouncer(t, &p).Announce(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, ev := range p.events {
			if strings.HasPrefix(ev.Type, "dev.cdevents.") {
				out = append(out, ev.ID)
			}
		}
		slices.Sort(out)
		return out
	}
	want := ids(func(*derive.Differences) {})
	if different := slices.Compact(slices.Clone(want)); len(different) != 7 {
		t.Errorf("%d different ids, want 7", len(different))
	}
	for name, c := range map[string]struct {
		same   bool
		change func(*derive.Differences)
	}{
		"nothing":  {true, func(*derive.Differences) {}},
		"failure":  {true, func(d *derive.Differences) { d.Releases[2].Failed, d.Releases[2].Version = 1, 99 }},
		"team":     {true, func(d *derive.Differences) { d.Releases[2].TeamID = "platform" }},
		"version":  {false, func(d *derive.Differences) { d.Releases[2].DeployedVersion = "v2" }},
		"place":    {false, func(d *derive.Differences) { d.Releases[2].Environments = []string{"production-eu"} }},
		"reopened": {false, func(d *derive.Differences) { d.Incidents[0].Reopened = 1 }},
	} {
		if got := ids(c.change); slices.Equal(got, want) != c.same {
			t.Errorf("%s: the ids are the same: %t", name, !c.same)
		}
	}
}

// store fails to write as often as it is told to.
type store struct {
	derive.Store
	failures int
}

var errStore = errors.New("the warehouse is away")

func (s *store) InsertRows(ctx context.Context, table string, rows any) error {
	if s.failures > 0 {
		s.failures--
		return errStore
	}
	return s.Store.InsertRows(ctx, table, rows)
}

type noOutbox struct{}

func (noOutbox) PublishDirty(context.Context, ...schema.DirtyKey) error { return nil }

// TestACrashRepeatsAndLosesNothing: what is told before rows could be written is told
// again under the same ids; rows are not written before they are told; and once they
// are written, nothing is told any more.
func TestACrashRepeatsAndLosesNothing(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	finished, resolved := at(10), at(12)
	version := schema.Meta{Version: schema.NewVersion(at(10), 0)}
	facts := []schema.Fact{
		&schema.Service{Meta: version, ServiceID: "shop"},
		&schema.Deployment{
			Meta: version, DeploymentID: "d1", ServiceRef: "shop", Environment: "production", Version: "v1", Status: schema.StatusSuccess,
			CreatedAt: finished, FinishedAt: &finished,
		},
		&schema.IncidentUpdate{Meta: version, IncidentID: "i1", UpdateID: "1", At: at(11), Kind: schema.IncidentTriggered, ServiceRefs: []string{"shop"}},
		&schema.IncidentUpdate{Meta: version, IncidentID: "i1", UpdateID: "2", At: resolved, Kind: schema.IncidentResolved, ServiceRefs: []string{"shop"}},
	}
	for _, f := range facts {
		if err := schema.Seal(f, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Insert(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
	var p topic
	failing := &store{Store: db.Conn}
	d, err := derive.New(derive.Config{
		Store: failing, Outbox: noOutbox{}, Announcer: newAnnouncer(t, &p), Options: derive.DefaultOptions(), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return at(23) },
	})
	if err != nil {
		t.Fatal(err)
	}
	handle := func() (told []string, err error) {
		p.events = nil
		err = d.Handle(t.Context(), []schema.DirtyKey{schema.DirtyService("shop")})
		for _, ev := range p.events {
			told = append(told, ev.Type+" "+ev.ID)
		}
		slices.Sort(told)
		return told, err
	}
	stored := func() int {
		_, rows, err := db.Reader.Query(t.Context(), "SELECT service_id FROM releases UNION ALL SELECT service_id FROM incidents", nil)
		if err != nil {
			t.Fatal(err)
		}
		return len(rows)
	}
	p.err = errStore
	if _, err := handle(); !errors.Is(err, errStore) || stored() != 0 {
		t.Fatalf("%v, %d rows are stored before they are told", err, stored())
	}
	p.err, failing.failures = nil, 1
	first, err := handle()
	if !errors.Is(err, errStore) {
		t.Fatal(err)
	}
	again, err := handle()
	if err != nil || !slices.Equal(first, again) || stored() != 2 {
		t.Errorf("told\n%s\nand after the crash\n%s (%v, %d rows)", strings.Join(first, "\n"), strings.Join(again, "\n"), err, stored())
	}
	for _, typ := range []string{"service.deployed", "incident.detected", "incident.resolved", "headway-metric.changed"} {
		if !slices.ContainsFunc(first, func(s string) bool { return strings.Contains(s, typ) }) {
			t.Errorf("no %s in\n%s", typ, strings.Join(first, "\n"))
		}
	}
	if told, err := handle(); err != nil || len(told) > 0 {
		t.Errorf("nothing changed, and is told: %v (%v)", told, err)
	}
}
