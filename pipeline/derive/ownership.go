package derive

import (
	"slices"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// owners keeps the newest rows of a service's ownership, earliest first, without
// those of sources that count less than another which speaks of that time.
func owners(rows []schema.Ownership) []schema.Ownership {
	all := newest(rows, func(o *schema.Ownership) string { return o.FactID() })
	rows = slices.DeleteFunc(slices.Clone(all), func(o schema.Ownership) bool {
		return slices.ContainsFunc(all, func(p schema.Ownership) bool {
			return schema.OwnershipRank(p.Source) > schema.OwnershipRank(o.Source) && !p.ValidFrom.After(o.ValidFrom)
		})
	})
	slices.SortFunc(rows, func(a, b schema.Ownership) int { return a.ValidFrom.Compare(b.ValidFrom) })
	return rows
}

// teamAt is the team that owned the service at the time; before the first row,
// the first owner (invariant 7).
func teamAt(rows []schema.Ownership, at time.Time) string {
	team := ""
	for i := range rows {
		if i > 0 && rows[i].ValidFrom.After(at) {
			break
		}
		team = rows[i].TeamID
	}
	return team
}
