package sample

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDump(t *testing.T) {
	h := Generate(1, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c, p, dp, rel := 0, 0, 0, 0
	for _, r := range h.Repos {
		c += len(r.Commits)
		p += len(r.Pulls)
	}
	for _, s := range h.Services {
		dp += len(s.Deployments)
		for _, d := range s.Deployments {
			if d.Production {
				rel++
			}
		}
	}
	t.Log("commits", c, "pulls", p, "deployments", dp, "prod", rel, "incidents", len(h.Incidents), "tickets", len(h.Tickets), "requests", len(h.Requests), "uses", len(h.Uses), "workloads", len(h.Workloads), "answers", len(h.Answers), "people", len(h.People))
	_ = json.Marshal
}
