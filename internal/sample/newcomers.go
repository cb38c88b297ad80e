package sample

import (
	"fmt"
	"slices"
	"time"
)

// newcomersOfTeam is how many people join each team that grows: as many as a group
// needs to be shown, and one more.
const newcomersOfTeam = 6

// makeNewcomers lets some teams grow in the months around the beginning of the
// history, and makes the newcomers the authors of some of their team's requests.
func (h *History) makeNewcomers() {
	d := newDice(h.Seed, "newcomers")
	for _, team := range []string{"checkout", "payments", "search", "pricing", "mobile"} {
		pulls := h.pullsOf(team)
		for i := range newcomersOfTeam {
			p := Person{Login: fmt.Sprintf("%s-new-%02d", team, i+1), Team: team, Joined: h.Day(d.IntN(120) - 45)}
			h.Newcomers = append(h.Newcomers, p)
			settled := p.Joined.Add(d.between(2*24*time.Hour, 20*24*time.Hour))
			share := 0.05 + 0.2*d.Float64()
			pulls = slices.DeleteFunc(pulls, func(r *Pull) bool {
				if r.FirstCommitAt.Before(settled) || !d.chance(share) {
					return false
				}
				r.Author = p.Login
				for _, c := range r.Commits {
					c.Author = p.Login
				}
				return true
			})
		}
	}
}

// pullsOf are the merged requests of a team's repositories.
func (h *History) pullsOf(team string) []*Pull {
	var out []*Pull
	for _, r := range h.Repos {
		owned := slices.ContainsFunc(h.Services, func(s *Service) bool { return s.Repo == r && s.Owners[0].Team == team })
		for _, p := range r.Pulls {
			if owned && !p.MergedAt.IsZero() {
				out = append(out, p)
			}
		}
	}
	return out
}
