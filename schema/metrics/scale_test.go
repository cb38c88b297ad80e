package metrics

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline/resolve"
	"github.com/headway-metrics/headway/schema"
)

// scale is the size of BenchmarkPlatform: 1 is a year of 500 teams with 3 million
// uses of 20 capabilities, 1 million requests, 3 million tickets and 10,000
// workloads a day.
var scale = flag.Float64("scale", 0.01, "size of the organisation of BenchmarkPlatform; 1 is 500 teams")

// BenchmarkPlatform times the platform's metrics over a year of facts, spread
// evenly. The names of teams, services and people are as different as can be,
// which is the worst case.
func BenchmarkPlatform(b *testing.B) {
	db := clickhousetest.New(b)
	start := "toDateTime64('2025-07-01 00:00:00', 3, 'UTC')"
	at := func(of string) string { return start + " + toIntervalSecond(intDiv(number * 31536000, " + of + "))" }
	fill := strings.NewReplacer("{teams}", amount(500), "{services}", amount(5000), "{people}", amount(10_000), "{uses}", amount(3_000_000),
		"{requests}", amount(1_000_000), "{tickets}", amount(3_000_000), "{workloads}", amount(10_000), "{changes}", amount(1_500_000),
		"{start}", start, "{at uses}", at(amount(3_000_000)), "{at requests}", at(amount(1_000_000)), "{at tickets}", at(amount(3_000_000)),
		"{at changes}", at(amount(1_500_000)),
		"{team}", "concat('team-', toString(cityHash64(number, 2) % "+amount(500)+"))",
		"{service}", "concat('k8s:svc-', toString(cityHash64(number, 3) % "+amount(5000)+"))",
		"{actor}", "concat('backstage:user:default/p', toString(cityHash64(number, 4) % "+amount(10_000)+"))")
	for statement := range strings.SplitSeq(fill.Replace(year), ";") {
		if statement = strings.TrimSpace(statement); statement == "" {
			continue
		}
		if err := db.Exec(b.Context(), statement, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := resolve.New(db).Handle(b.Context(), []schema.DirtyKey{schema.DirtyAll}); err != nil {
		b.Fatal(err)
	}
	engine := NewEngine(db.Reader, func() time.Time { return time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC) })
	for _, q := range []struct {
		metric string
		every  Every
		by     []Dimension
	}{
		{"teams_using_capabilities", Week, nil},
		{"teams_using_capabilities", Week, []Dimension{Capability}},
		{"capability_retention", Total, []Dimension{Capability}},
		{"new_capability_adoption", Month, nil},
		{"capability_stickiness", Month, nil},
		{"self_service_ratio", Week, nil},
		{"self_service_fallback", Week, nil},
		{"time_saved", Week, nil},
		{"support_ticket_volume", Week, []Dimension{Category}},
		{"support_resolution_time", Week, nil},
		{"feature_request_patterns", Quarter, []Dimension{Theme}},
		{"workloads_on_platform", Week, nil},
	} {
		b.Run(fmt.Sprintf("%s/%s%v", q.metric, q.every, q.by), func(b *testing.B) {
			for b.Loop() {
				if _, err := engine.Get(b.Context(), Request{
					Metric: q.metric, Every: q.every, By: q.by, Zone: "Europe/Berlin",
					From: time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func amount(whole float64) string { return strconv.Itoa(max(1, int(whole**scale))) }

const year = `
INSERT INTO teams (version, team_id, name) SELECT 1, concat('group:default/team-', toString(number)), concat('Team ', toString(number)) FROM numbers({teams});
INSERT INTO services (version, service_id, repo, aliases) SELECT 1, concat('svc-', toString(number)), concat('github.com/acme/r', toString(number)),
  [concat('k8s:svc-', toString(number)), concat('argocd:svc-', toString(number))] FROM numbers({services});
INSERT INTO ownerships (version, service_id, valid_from, team_id) SELECT 1, concat('svc-', toString(number)), {start} - toIntervalYear(1),
  concat('group:default/team-', toString(number % {teams})) FROM numbers({services});
INSERT INTO ownerships (version, service_id, valid_from, team_id) SELECT 1, concat('svc-', toString(number)), {start} + toIntervalMonth(6),
  concat('group:default/team-', toString((number * 7) % {teams})) FROM numbers({services}) WHERE number % 10 = 0;
INSERT INTO identities (version, ref, person_id) SELECT 1, concat('backstage:user:default/p', toString(number)), concat('p', toString(number)) FROM numbers({people});
INSERT INTO memberships (version, person_id, team_id, valid_from) SELECT 1, concat('p', toString(number)),
  concat('group:default/team-', toString(number % {teams})), {start} - toIntervalYear(1) FROM numbers({people});
INSERT INTO capabilities (version, capability_id, released_at) SELECT 1, concat('cap-', toString(number)),
  if(number % 5 = 0, {start} + toIntervalDay(10 + number * 9), NULL) FROM numbers(20);
INSERT INTO capability_uses (version, use_id, capability_id, at, qualifying, team_ref, service_ref, actor) SELECT 1, hex(sipHash64(number)),
  concat('cap-', toString(cityHash64(number, 1) % 20)), {at uses}, number % 10 != 0, if(number % 3 = 0, {team}, ''), if(number % 3 = 1, {service}, ''),
  if(number % 3 = 2, {actor}, '') FROM numbers({uses});
INSERT INTO requests (version, request_id, capability_id, template, channel, status, team_ref, actor, created_at, completed_at, minutes_saved)
  SELECT 1, toString(number), concat('cap-', toString(number % 20)), concat('template-', toString(number % 40)), if(number % 4 = 0, 'manual', 'self_service'),
  if(number % 19 = 0, 'failed', 'completed'), if(number % 2 = 0, {team}, ''), {actor}, {at requests} AS opened, opened + toIntervalMinute(number % 900), 30 FROM numbers({requests});
INSERT INTO tickets (version, ticket_id, type, category, theme, status, capability_id, team_ref, created_at, first_response_at, resolved_at, reopened)
  SELECT 1, toString(number), ['support', 'bug', 'feature', 'request', 'task', 'support'][number % 6 + 1], concat('category-', toString(number % 12)),
  if(number % 5 = 0, '', concat('theme-', toString(number % 30))), 'Done', if(number % 3 = 0, concat('cap-', toString(number % 20)), ''), {team},
  {at tickets} AS opened, opened + toIntervalHour(2), opened + toIntervalHour(20), number % 17 = 0 FROM numbers({tickets});
INSERT INTO workloads (version, workload_id, day, cluster, tier, service_ref, on_platform) SELECT 1, toString(number % {workloads}),
  {start} + toIntervalDay(intDiv(number, {workloads})), concat('cluster-', toString(number % 4)), 'production', {service}, if(number % 3 = 0, 'yes', 'no')
  FROM numbers(365 * {workloads});
INSERT INTO changes (version, repo, change_id, state, opened_at, merged_at) SELECT 1, concat('github.com/acme/r', toString(number % {services})), toString(number),
  'merged', {at changes} AS merged, merged FROM numbers({changes});
INSERT INTO changes_deployed (service_id, team_id, version, change_id, merged_at, deployed_at) SELECT concat('svc-', toString(number % {services})),
  concat('group:default/team-', toString(number % {teams})), 1, toString(number), {at changes} AS merged, merged + toIntervalHour(9) FROM numbers({changes})
`
