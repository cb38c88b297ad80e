package derive

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// incident is an incident folded from its updates.
type incident struct {
	row       schema.Incident
	refs      []string
	cause     string
	withdrawn bool
	// blamed is the release it marks, or nil.
	blamed *release
}

// foldIncidents folds updates of any number of incidents, in any order, each once
// (schema.IncidentUpdate).
func foldIncidents(updates []schema.IncidentUpdate, now time.Time) []*incident {
	updates = newest(updates, func(u *schema.IncidentUpdate) string { return u.FactID() })
	slices.SortFunc(updates, func(a, b schema.IncidentUpdate) int {
		return cmp.Or(strings.Compare(a.IncidentID, b.IncidentID), a.At.Compare(b.At), strings.Compare(a.UpdateID, b.UpdateID))
	})
	var out []*incident
	for len(updates) > 0 {
		n := slices.IndexFunc(updates, func(u schema.IncidentUpdate) bool { return u.IncidentID != updates[0].IncidentID })
		if n < 0 {
			n = len(updates)
		}
		out = append(out, foldIncident(updates[:n], now))
		updates = updates[n:]
	}
	return out
}

// foldIncident folds the updates of one incident, in the order they happened.
// What a later update does not say stays as it was.
func foldIncident(updates []schema.IncidentUpdate, now time.Time) *incident {
	i := &incident{row: schema.Incident{IncidentID: updates[0].IncidentID, StartedAt: updates[0].At}}
	var stated, triggered *time.Time
	for k := range updates {
		u := &updates[k]
		i.row.Source = cmp.Or(u.Source, i.row.Source)
		i.row.Title = cmp.Or(u.Title, i.row.Title)
		i.row.Severity = cmp.Or(u.Severity, i.row.Severity)
		i.row.URL = cmp.Or(u.URL, i.row.URL)
		i.cause = cmp.Or(u.Cause, i.cause)
		if len(u.ServiceRefs) > 0 {
			i.refs = u.ServiceRefs
		}
		if u.StartedAt != nil {
			stated = u.StartedAt
		}
		switch u.Kind {
		case schema.IncidentTriggered:
			if triggered == nil {
				triggered = &u.At
			}
		case schema.IncidentResolved:
			at := u.At
			i.row.ResolvedAt = &at
		case schema.IncidentReopened:
			i.row.ResolvedAt, i.withdrawn = nil, false
			i.row.Reopened++
		case schema.IncidentDeleted:
			i.withdrawn = true
		}
	}
	if stated != nil {
		i.row.StartedAt = *stated
	} else if triggered != nil {
		i.row.StartedAt = *triggered
	}
	r := i.row.ResolvedAt
	switch {
	case absurd(i.row.StartedAt, now), r != nil && absurd(*r, now):
		i.row.Excluded = schema.ExcludedAbsurd
	case r != nil && r.Before(i.row.StartedAt):
		i.row.Excluded = schema.ExcludedNegative
	}
	return i
}

// onlyOf says that all names in the incident are names of one service. The name
// of a repository is one unless the service shares it.
func (i *incident) onlyOf(s *schema.Service) bool {
	return !slices.ContainsFunc(i.refs, func(ref string) bool {
		own := ref == s.ServiceID || slices.Contains(s.Aliases, ref) || (ref == s.Repo && len(s.Paths) == 0)
		return !own
	})
}
