package derive

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// owners says whose a service was in the course of time, earliest first: at each
// time the heaviest of the latest claims of the lines that name a team then. The
// view service_owners says the same.
func owners(rows []schema.Ownership) []schema.Ownership {
	all := newest(rows, func(o *schema.Ownership) string { return o.FactID() })
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b schema.Ownership) int {
		// A repository that was renamed may be lost under one name and gained under another
		// at once: then it is gained.
		switch {
		case a.TeamID == "" && b.TeamID != "":
			return cmp.Or(a.ValidFrom.Compare(b.ValidFrom), -1)
		case a.TeamID != "" && b.TeamID == "":
			return cmp.Or(a.ValidFrom.Compare(b.ValidFrom), 1)
		}
		return cmp.Or(a.ValidFrom.Compare(b.ValidFrom), strings.Compare(b.TeamID, a.TeamID))
	})
	var out []schema.Ownership
	latest := map[string]*schema.Ownership{}
	for i := range all {
		o := &all[i]
		latest[o.Line()] = o
		if i+1 < len(all) && all[i+1].ValidFrom.Equal(o.ValidFrom) {
			continue
		}
		team := heaviest(latest)
		if len(out) == 0 || out[len(out)-1].TeamID != team {
			out = append(out, schema.Ownership{ServiceID: o.ServiceID, ValidFrom: o.ValidFrom, TeamID: team})
		}
	}
	return out
}

// heaviest is the team that counts of the latest claims of each line. Of a repository
// that several teams administer those teams say nothing.
func heaviest(latest map[string]*schema.Ownership) string {
	var best *schema.Ownership
	administer := map[string]bool{}
	for _, o := range latest {
		if o.TeamID != "" && schema.OwnershipRank(o.Line()) == schema.RankTeam {
			administer[o.TeamID] = true
		}
	}
	for _, o := range latest {
		rank := schema.OwnershipRank(o.Line())
		if o.TeamID == "" || (rank == schema.RankTeam && len(administer) > 1) {
			continue
		}
		if best == nil || cmp.Or(rank-schema.OwnershipRank(best.Line()), o.ValidFrom.Compare(best.ValidFrom), strings.Compare(best.TeamID, o.TeamID)) > 0 {
			best = o
		}
	}
	if best == nil {
		return ""
	}
	return best.TeamID
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

// patterns are the regular expressions of claims, compiled once. Safe for
// concurrent use.
type patterns struct {
	mu       sync.Mutex
	compiled map[string]*regexp.Regexp
}

// claimed is a claim to a repository as one to a service of it: that of the last rule
// that fits the service's first path.
func (p *patterns) claimed(o schema.Ownership, s *schema.Service) schema.Ownership {
	if o.ServiceID == s.ServiceID {
		return o
	}
	if len(o.Patterns) == 0 || len(s.Paths) == 0 {
		return o
	}
	o.TeamID = ""
	file := strings.TrimRight(s.Paths[0], "/") + "/_"
	for i := min(len(o.Patterns), len(o.Teams)) - 1; i >= 0; i-- {
		if p.matches(o.Patterns[i], file) {
			o.TeamID = o.Teams[i]
			break
		}
	}
	return o
}

func (p *patterns) matches(pattern, file string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	re, ok := p.compiled[pattern]
	if !ok {
		var err error
		if re, err = regexp.Compile(pattern); err != nil {
			re = nil // Collectors only write what compiles; anything else fits nothing.
		}
		p.compiled[pattern] = re
	}
	return re != nil && re.MatchString(file)
}
