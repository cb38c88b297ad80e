package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

const month = 30.4375 // days

func (o *Oracle) security() []metric {
	finding := []string{"team", "service", "severity", "kind"}
	policy := []string{"team", "service", "severity", "policy", "cluster"}
	return []metric{
		{id: "security_finding_rate", aggregation: perHundred, dims: []string{"team", "service", "severity"}, once: "subject", rows: o.newFindings},
		{id: "security_scan_coverage", aggregation: ratio, dims: []string{"team", "service", "cluster"}, rows: o.coverage},
		{id: "security_backlog", aggregation: sum, dims: finding, rows: o.backlog},
		{id: "security_finding_age", aggregation: median, dims: finding, rows: o.findingAge},
		{id: "security_time_to_fix", aggregation: median, dims: finding, rows: o.timeToFix},
		{id: "compliance_violation_rate", aggregation: ratio, dims: policy, rows: func(from, to time.Time) []row {
			return o.checks(from, to, "fail", "pass", "fail")
		}},
		{id: "policy_error_rate", aggregation: ratio, dims: policy, rows: func(from, to time.Time) []row {
			return o.checks(from, to, "error", "pass", "fail", "error")
		}},
		{id: "admission_denials", aggregation: perDay, dims: policy, rows: o.denials},
	}
}

func severities() []string { return []string{"critical", "high", "medium", "low", "unknown"} }

// weakness is what all tools together say of one weakness of one service.
type weakness struct {
	service            *sample.Service
	id, kind, severity string
	state, reason      string
	opened, closed     time.Time
}

func (w weakness) dims() map[string]string {
	return map[string]string{"team": w.service.OwnerAt(w.opened), "service": w.service.ID, "severity": w.severity, "kind": w.kind}
}

func (o *Oracle) weaknesses() []weakness {
	var out []weakness
	at := map[string]int{}
	for _, f := range o.history.Findings {
		key := f.Service.ID + " " + strings.ToLower(f.Rule) + " " + f.Package
		i, known := at[key]
		if !known {
			at[key] = len(out)
			out = append(out, weakness{f.Service, f.ID, f.Kind, f.Severity, f.State, f.Reason, f.OpenedAt, f.ClosedAt})
			continue
		}
		w := &out[i]
		if f.OpenedAt.Before(w.opened) {
			w.opened, w.id, w.kind = f.OpenedAt, f.ID, f.Kind
		}
		if slices.Index(severities(), f.Severity) < slices.Index(severities(), w.severity) {
			w.severity = f.Severity
		}
		if f.ClosedAt.IsZero() || !w.closed.IsZero() && f.ClosedAt.After(w.closed) {
			w.closed, w.state, w.reason = f.ClosedAt, f.State, f.Reason
		}
	}
	return out
}

// scanned says that a service was scanned in the 30 days before an instant.
func (o *Oracle) scanned(service string, before time.Time) bool {
	return slices.ContainsFunc(o.history.Scans, func(s sample.Scan) bool {
		return s.Service.ID == service && s.At.Before(before) && s.At.After(before.AddDate(0, 0, -30))
	})
}

// everything that runs in production in the last inventory of its cluster, also
// what is the platform's.
func (o *Oracle) running(from, to time.Time) []sample.Workload {
	last := map[string]time.Time{}
	for _, w := range o.history.Workloads {
		if within(w.Day, from, to) && w.Day.After(last[w.Cluster]) {
			last[w.Cluster] = w.Day
		}
	}
	return slices.DeleteFunc(slices.Clone(o.history.Workloads), func(w sample.Workload) bool {
		return !w.Day.Equal(last[w.Cluster]) || w.Environment != "production"
	})
}

func (o *Oracle) newFindings(from, to time.Time) []row {
	var out []row
	for _, w := range o.weaknesses() {
		if within(w.opened, from, to) && w.reason != "false_positive" {
			out = append(out, row{at: w.opened, dims: w.dims(), subject: w.id, num: 1})
		}
	}
	for _, w := range o.running(from, to) {
		if !o.scanned(w.Service.ID, w.Day.AddDate(0, 0, 1)) {
			continue
		}
		for _, s := range severities() {
			dims := map[string]string{"team": w.Service.OwnerAt(w.Day), "service": w.Service.ID, "severity": s}
			out = append(out, row{at: w.Day, dims: dims, subject: "workload " + w.Cluster + "/" + w.Name, den: 1})
		}
	}
	return out
}

func (o *Oracle) coverage(from, to time.Time) []row {
	var out []row
	for _, w := range o.running(from, to) {
		dims := map[string]string{"team": w.Service.OwnerAt(w.Day), "service": w.Service.ID, "cluster": w.Cluster}
		out = append(out, row{at: w.Day, dims: dims, num: truth(o.scanned(w.Service.ID, w.Day.AddDate(0, 0, 1))), den: 1})
	}
	return out
}

// open are the weaknesses that are open at an instant.
func (o *Oracle) open(at time.Time) []weakness {
	return slices.DeleteFunc(o.weaknesses(), func(w weakness) bool {
		return !w.opened.Before(at) || !w.closed.IsZero() && w.closed.Before(at)
	})
}

// backlog: a service that somebody has looked at has 0 of everything at least.
func (o *Oracle) backlog(_, to time.Time) []row {
	var out []row
	for _, w := range o.open(to) {
		out = append(out, row{at: to, dims: w.dims(), num: 1})
	}
	for _, s := range o.history.Services {
		if !o.scannedSince(s.ID, to) {
			continue
		}
		for _, severity := range severities() {
			for _, kind := range []string{"vulnerability", "code", "secret"} {
				dims := map[string]string{"team": s.OwnerAt(to.Add(-time.Millisecond)), "service": s.ID, "severity": severity, "kind": kind}
				out = append(out, row{at: to, dims: dims})
			}
		}
	}
	return out
}

func (o *Oracle) scannedSince(service string, to time.Time) bool {
	return slices.ContainsFunc(o.history.Scans, func(s sample.Scan) bool {
		return s.Service.ID == service && within(s.At, to.AddDate(0, 0, -30), to)
	})
}

func (o *Oracle) findingAge(_, to time.Time) []row {
	var out []row
	for _, w := range o.open(to) {
		out = append(out, row{at: to, dims: w.dims(), value: seconds(w.opened, to)})
	}
	return out
}

func (o *Oracle) timeToFix(from, to time.Time) []row {
	var out []row
	for _, w := range o.weaknesses() {
		if !within(w.opened, from, to) || w.state == "dismissed" {
			continue
		}
		r := row{at: w.opened, dims: w.dims(), open: w.closed.IsZero()}
		if !r.open {
			r.value = seconds(w.opened, w.closed)
		}
		out = append(out, r)
	}
	return out
}

// checks are the last results of each rule for each service in a bucket, not older
// than a week.
func (o *Oracle) checks(from, to time.Time, hit string, counted ...string) []row {
	last := map[string]sample.PolicyResult{}
	for _, r := range o.history.Policies {
		key := r.Policy + " " + r.Service.ID
		if r.Outcome != "denied" && within(r.At, from, to) && r.At.After(last[key].At) {
			last[key] = r
		}
	}
	var out []row
	for _, r := range last {
		if slices.Contains(counted, r.Outcome) && !r.At.Before(to.AddDate(0, 0, -7)) {
			out = append(out, row{at: r.At, dims: policyDims(r), num: truth(r.Outcome == hit), den: 1})
		}
	}
	return out
}

func (o *Oracle) denials(from, to time.Time) []row {
	var out []row
	for _, r := range o.history.Policies {
		if r.Outcome == "denied" && within(r.At, from, to) {
			out = append(out, row{at: r.At, dims: policyDims(r), num: 1, den: 1})
		}
	}
	return out
}

func policyDims(r sample.PolicyResult) map[string]string {
	return map[string]string{
		"team": r.Service.OwnerAt(r.At), "service": r.Service.ID, "severity": r.Severity, "policy": r.Policy, "cluster": "platform-eu-1",
	}
}

func (o *Oracle) cost() []metric {
	return []metric{{
		id: "platform_cost", aggregation: perMonth, dims: []string{"team", "service", "category", "cluster"}, always: []string{"currency"},
		months: o.costMonths,
		rows: func(from, to time.Time) []row {
			var out []row
			for _, c := range o.history.Costs {
				if within(c.Day, from, to) {
					dims := map[string]string{"team": c.Service.OwnerAt(c.Day), "service": c.Service.ID, "category": c.Category, "cluster": none, "currency": c.Currency}
					out = append(out, row{at: c.Day, dims: dims, num: c.Amount})
				}
			}
			return out
		},
	}}
}

// costMonths counts the days of a bucket from the first to the last day for which
// any cost of the currency is known.
func (o *Oracle) costMonths(b bucket, currency string) float64 {
	var first, last time.Time
	for _, c := range o.history.Costs {
		if c.Currency != currency {
			continue
		}
		if first.IsZero() || c.Day.Before(first) {
			first = c.Day
		}
		if c.Day.After(last) {
			last = c.Day
		}
	}
	days := 0
	for day := b.from; day.Before(b.to); day = day.AddDate(0, 0, 1) {
		if !day.Before(first) && !day.After(last) {
			days++
		}
	}
	return float64(days) / month
}
