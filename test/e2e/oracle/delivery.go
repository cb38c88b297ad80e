package oracle

import (
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// stages are the durations of a change that a release has deployed.
type stages struct {
	lead, coding, pickup, review, deploy, merged *float64
}

func (c change) stages(r *release) stages {
	if c.pull == nil {
		return stages{lead: seconds(c.commit.AuthoredAt, r.finished), merged: seconds(c.commit.CommittedAt, r.finished)}
	}
	p := c.pull
	first := p.Commits[0].AuthoredAt
	for _, b := range p.Commits {
		if b.AuthoredAt.Before(first) {
			first = b.AuthoredAt
		}
	}
	reviewed := p.ReviewedAt
	if reviewed.After(p.MergedAt) {
		reviewed = time.Time{}
	}
	return stages{
		lead: seconds(first, r.finished), coding: seconds(first, p.OpenedAt), pickup: seconds(p.OpenedAt, reviewed),
		review: seconds(reviewed, p.MergedAt), deploy: seconds(p.MergedAt, r.finished), merged: seconds(p.MergedAt, r.finished),
	}
}

func (s *service) dims(at time.Time) map[string]string {
	return map[string]string{"team": s.OwnerAt(at), "service": s.ID}
}

// changeRows are the deployed changes that have the stage.
func (o *Oracle) changeRows(of func(stages) *float64) func(from, to time.Time) []row {
	return func(from, to time.Time) []row {
		var out []row
		for _, s := range o.services {
			for _, r := range s.live {
				if !within(r.finished, from, to) {
					continue
				}
				for _, c := range r.changes {
					if v := of(c.stages(r)); v != nil {
						out = append(out, row{at: r.finished, dims: s.dims(r.finished), value: v})
					}
				}
			}
		}
		return out
	}
}

// releaseRows are the releases that what chooses, with what it counts.
func (o *Oracle) releaseRows(what func(r *release) (num, den float64, counts bool)) func(from, to time.Time) []row {
	return func(from, to time.Time) []row {
		var out []row
		for _, s := range o.services {
			for _, r := range s.all {
				if num, den, counts := what(r); counts && within(r.finished, from, to) {
					out = append(out, row{at: r.finished, dims: s.dims(r.finished), num: num, den: den})
				}
			}
		}
		return out
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// delivery are the metrics of changes and releases.
func (o *Oracle) delivery() []metric {
	dims := []string{"team", "service"}
	inProduction := func(r *release) bool { return !r.introduced.IsZero() }
	changes := func(id string, of func(stages) *float64) metric {
		return metric{id: id, aggregation: median, dims: dims, rows: o.changeRows(of)}
	}
	return []metric{
		changes("lead_time", func(s stages) *float64 { return s.lead }),
		changes("lead_time_coding", func(s stages) *float64 { return s.coding }),
		changes("lead_time_pickup", func(s stages) *float64 { return s.pickup }),
		changes("lead_time_review", func(s stages) *float64 { return s.review }),
		changes("lead_time_deploy", func(s stages) *float64 { return s.deploy }),
		changes("merge_to_production", func(s stages) *float64 { return s.merged }),
		{id: "deployment_frequency", aggregation: perDay, dims: dims, rows: o.releaseRows(func(r *release) (float64, float64, bool) {
			return 1, 0, inProduction(r)
		})},
		{id: "change_failure_rate", aggregation: ratio, dims: dims, rows: o.releaseRows(func(r *release) (float64, float64, bool) {
			return truth(r.failed), 1, inProduction(r) || r.failed
		})},
		{id: "deployment_rework_rate", aggregation: ratio, dims: dims, rows: o.releaseRows(func(r *release) (float64, float64, bool) {
			return truth(r.rework), 1, inProduction(r) || r.failed
		})},
		{id: "infrastructure_path_share", aggregation: ratio, dims: dims, rows: o.infrastructure},
	}
}

// infrastructure: the repository that is read from disk does not tell its files;
// a rebased request is known by the last of its commits.
func (o *Oracle) infrastructure(from, to time.Time) []row {
	var out []row
	for _, s := range o.services {
		for _, r := range s.live {
			if s.Channel == sample.ByTag || !within(r.finished, from, to) {
				continue
			}
			for _, c := range r.changes {
				chart := slices.ContainsFunc(c.commit.Paths, func(p string) bool { return strings.HasSuffix(p, "helm/values.yaml") })
				out = append(out, row{at: r.finished, dims: s.dims(r.finished), num: truth(chart), den: 1})
			}
		}
	}
	return out
}

// stability are the metrics of how long things were broken, and of new services.
func (o *Oracle) stability() []metric {
	return []metric{
		{id: "failed_deployment_recovery_time", aggregation: median, dims: []string{"team", "service"}, rows: o.recoveries},
		{id: "incident_restore_time", aggregation: median, dims: []string{"team", "service", "severity"}, rows: o.restores},
		{id: "time_to_production", aggregation: median, dims: []string{"team", "service"}, rows: o.births},
	}
}

func (o *Oracle) recoveries(from, to time.Time) []row {
	var out []row
	for _, s := range o.services {
		for _, r := range s.all {
			if !r.failed || !within(r.finished, from, to) {
				continue
			}
			line := row{at: r.finished, dims: s.dims(r.finished), open: len(r.recovered) == 0}
			if !line.open {
				first := slices.MinFunc(r.recovered, time.Time.Compare)
				if line.value = seconds(r.finished, first); line.value == nil {
					continue // Recovered before it was finished: bad data.
				}
			}
			out = append(out, line)
		}
	}
	return out
}

func (o *Oracle) restores(from, to time.Time) []row {
	var out []row
	for _, s := range o.services {
		for _, i := range s.incidents {
			if !within(i.StartedAt, from, to) {
				continue
			}
			dims := s.dims(i.StartedAt)
			dims["severity"] = i.Urgency
			out = append(out, row{at: i.StartedAt, dims: dims, value: seconds(i.StartedAt, i.ResolvedAt), open: i.ResolvedAt.IsZero()})
		}
	}
	return out
}

func (o *Oracle) births(from, to time.Time) []row {
	var out []row
	for _, s := range o.services {
		if s.CreatedAt.IsZero() || !within(s.CreatedAt, from, to) {
			continue
		}
		line := row{at: s.CreatedAt, dims: s.dims(s.CreatedAt), open: true}
		for _, r := range s.live {
			if v := seconds(s.CreatedAt, r.finished); v != nil && (line.value == nil || *v < *line.value) {
				line.value, line.open = v, false
			}
		}
		out = append(out, line)
	}
	return out
}

// mergedBy says that people of a team's services merged a change in the time.
func (o *Oracle) mergedBy(team string, from, to time.Time) bool {
	for _, s := range o.services {
		if s.Channel != sample.ByTag {
			for _, p := range s.Repo.Pulls {
				if within(p.MergedAt, from, to) && s.OwnerAt(p.MergedAt) == team && p.Touches(s.Service) {
					return true
				}
			}
		}
		for _, r := range s.live {
			for _, c := range r.changes {
				if c.pull == nil && within(r.finished, from, to) && s.OwnerAt(r.finished) == team {
					return true
				}
			}
		}
	}
	return false
}

// active says that a team owned a service at a time and had merged in the 90 days
// before.
func (o *Oracle) active(team string, at time.Time) bool {
	owns := slices.ContainsFunc(o.services, func(s *service) bool { return s.OwnerAt(at.Add(-time.Millisecond)) == team })
	return owns && o.mergedBy(team, at.AddDate(0, 0, -90), at)
}
