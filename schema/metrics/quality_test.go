package metrics

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

func TestDataQuality(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	receipt := func(id, source, outcome, reason, received string, n uint32) *schema.Receipt {
		m := meta()
		m.Source = source
		return &schema.Receipt{Meta: m, EventID: id, Outcome: outcome, Reason: reason, Facts: n, ReceivedAt: at(received)}
	}
	dead := meta()
	dead.Source = "github"
	w.facts(
		t,
		receipt("1", "github", schema.OutcomeFacts, "", "2026-06-01T10:00:00Z", 3),
		receipt("2", "github", schema.OutcomeFacts, "", "2026-06-15T11:59:00Z", 2),
		receipt("3", "github", schema.OutcomeDead, "bad json", "2026-06-01T10:00:00Z", 0),
		receipt("4", "git", schema.OutcomeIgnored, "ping", "2026-06-01T10:00:00Z", 0),
		&schema.DeadLetter{Meta: dead, EventID: "3", Reason: "bad json", ReceivedAt: at("2026-06-01T10:00:00Z"), FailedAt: at("2026-06-01T10:00:01Z"), Payload: "secret"},
		&schema.Service{Meta: meta(), ServiceID: "shop", Name: "shop", Aliases: []string{"pagerduty:P1"}},
		&schema.Service{Meta: meta(), ServiceID: "cart", Name: "cart"},
		&schema.Ownership{Meta: meta(), ServiceID: "shop", ValidFrom: at("2026-01-01T00:00:00Z"), TeamID: "a"},
		&schema.IncidentUpdate{Meta: meta(), IncidentID: "i1", UpdateID: "1", At: at("2026-06-01T10:00:00Z"), ServiceRefs: []string{"pagerduty:P1"}},
		&schema.IncidentUpdate{Meta: meta(), IncidentID: "i2", UpdateID: "1", At: at("2026-06-01T10:00:00Z"), ServiceRefs: []string{"pagerduty:P9"}},
		&schema.IncidentUpdate{Meta: meta(), IncidentID: "i2", UpdateID: "2", At: at("2026-06-01T11:00:00Z")},
		&schema.IncidentUpdate{Meta: meta(), IncidentID: "i3", UpdateID: "1", At: at("2026-06-01T11:00:00Z")},
	)
	w.insert(t, schema.ReleaseTable, []schema.Release{
		release("shop", "a", "r1", "2026-06-01T10:00:00Z", func(r *schema.Release) { r.Baseline, r.DeployedVersion = 1, "v1" }),
		release("shop", "a", "r2", "2026-06-02T10:00:00Z", unsuccessful, func(r *schema.Release) { r.CommitKnown = 1 }),
		release("lone", "", "r3", "2026-06-02T10:00:00Z", func(r *schema.Release) { r.CommitKnown = 1 }),
	})
	want := map[string][]string{
		"receipts_by_source":     {"git|ignored|ping|1|0", "github|dead|bad json|1|0", "github|facts||1|3"},
		"freshness":              {"git|2026-06-01 10:00:00 +0000 UTC|1216800|1", "github|2026-06-15 11:59:00 +0000 UTC|60|3"},
		"dead_letters":           {"2026-06-01 10:00:01 +0000 UTC|github||3|bad json||0"},
		"dead_letters_by_reason": {"github|bad json|1|1"},
		"unresolved_commits":     {"shop|1|2|0.5", "lone|0|1|0"},
		"unowned_services":       {"2|3|0.6666666666666666|cart, lone"},
		"unmapped_incidents":     {"(none)||1|2026-06-01 11:00:00 +0000 UTC", "pagerduty:P9||1|2026-06-01 11:00:00 +0000 UTC"},
		"excluded_rows": {
			"change_failure_rate|never reached production|1", "deployment_days|not successful|1",
			"deployment_frequency|not successful|1", "deployment_rework_rate|never reached production|1",
		},
		"coverage": {
			"change_failure_rate|releases|3|0.6666666666666666|0.33333333333333337|0.5|0|<nil>", "deployment_days|releases|3|0.6666666666666666|0.33333333333333337|0.5|0|<nil>",
			"deployment_frequency|releases|3|0.6666666666666666|0.33333333333333337|0.5|0|<nil>", "deployment_rework_rate|releases|3|0.6666666666666666|0.33333333333333337|0.5|0|<nil>",
		},
		"baselines": {"shop|2026-06-01 10:00:00 +0000 UTC|v1|"},
	}
	s := Slice{From: "'2026-06-01 00:00:00'", To: "'2026-06-11 00:00:00'", Now: "'2026-06-15 12:00:00'", Zone: "'UTC'"}
	for _, q := range DataQuality() {
		columns, rows, err := w.Reader.Query(t.Context(), q.SQL(s)+"\nLIMIT 100", nil)
		if err != nil {
			t.Errorf("%s: %v", q.ID, err)
			continue
		}
		if !slices.Equal(columns, q.Columns) {
			t.Errorf("%s has columns %v, want %v", q.ID, columns, q.Columns)
		}
		var got []string
		for _, row := range rows {
			var cells []string
			for _, v := range row {
				cells = append(cells, fmt.Sprint(v))
			}
			got = append(got, strings.Join(cells, "|"))
		}
		if !slices.Equal(got, want[q.ID]) {
			t.Errorf("%s:\n got %q\nwant %q", q.ID, got, want[q.ID])
		}
		if found, ok := QualityByID(q.ID); !ok || found.Title != q.Title {
			t.Errorf("%s is not found by its id", q.ID)
		}
	}
}

// TestReceivedOnce: what was received is counted by the time of receipt, from receipts
// in any order and number, before merges collapse them (invariants 3 and 6).
func TestReceivedOnce(t *testing.T) {
	t.Parallel()
	w := newWarehouse(t)
	for _, table := range []string{"receipts", "received"} {
		if err := w.Exec(t.Context(), "SYSTEM STOP MERGES "+table, nil); err != nil {
			t.Fatal(err)
		}
	}
	receipt := func(id, outcome, received string, rank uint8) *schema.Receipt {
		r := &schema.Receipt{EventID: id, Outcome: outcome, ReceivedAt: at(received), Facts: uint32(rank)}
		r.Source, r.Version = "github", schema.NewVersion(r.ReceivedAt, rank)
		return r
	}
	understood := receipt("1", schema.OutcomeFacts, "2026-06-01T10:00:00Z", 1)
	died := receipt("1", schema.OutcomeDead, "2026-06-01T10:00:00Z", 0)
	other := receipt("2", schema.OutcomeFacts, "2026-06-01T10:00:00Z", 1)
	repeated := receipt("1", schema.OutcomeFacts, "2026-06-03T10:00:00Z", 1)
	outside := receipt("3", schema.OutcomeFacts, "2026-07-01T00:00:00Z", 1)
	for _, batch := range [][]schema.Fact{{understood, other}, {died}, {understood, repeated}, {outside, other}, {died}} {
		if err := w.Insert(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	s := Slice{From: "'2026-06-01 00:00:00'", To: "'2026-07-01 00:00:00'", Now: "'2026-07-02 00:00:00'", Zone: "'UTC'"}
	if got, want := fmt.Sprint(query(t, w, mustQuality(t, "receipts_by_source").SQL(s))), "[[github facts  3 3]]"; got != want {
		t.Errorf("received %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(query(t, w, mustQuality(t, "freshness").SQL(s))[0][3]), "4"; got != want {
		t.Errorf("%s events, want %s", got, want)
	}
}
