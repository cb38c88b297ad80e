package jenkins

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: whose the token is, which jobs it sees, and the
// builds of one of them. Jenkins leaves out of a list what a user may not see.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.URL == "" {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: no url is set"}}
	}
	var me struct {
		Name string `json:"name"`
	}
	raw, err := s.client.Get(ctx, "/whoAmI/api/json", nil)
	if err == nil {
		err = json.Unmarshal(raw, &me)
	}
	if err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf(
			"%v; make an API token under the user's Security and set url, user and token_file under sources.jenkins", err)}}
	}
	out := []collectors.Check{{What: "credentials", Detail: "accepted; the user is " + me.Name}}
	overall := collectors.Check{What: "permission Overall/Read", Detail: "granted"}
	jobs, err := s.list(ctx)
	if err != nil {
		return append(out, collectors.Check{What: overall.What, Problem: fmt.Sprintf("%v; give %s Overall/Read", err, me.Name)})
	}
	read := collectors.Check{What: "permission Job/Read", Detail: fmt.Sprintf("granted for %d jobs that have builds and are to be read", len(jobs))}
	if len(jobs) == 0 {
		return append(out, overall, collectors.Check{What: read.What, Problem: fmt.Sprintf(
			"no job with builds is visible: give %s Job/Read, or correct the patterns in sources.jenkins.jobs", me.Name)})
	}
	newest := jobs[0]
	if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error {
		_, err := s.builds(ctx, newest.FullName, newest.LastBuild.Number-1, time.Time{}, emit)
		return err
	}); err != nil {
		read = collectors.Check{What: read.What, Problem: fmt.Sprintf("the builds of %s cannot be read: %v; give %s Job/Read", newest.FullName, err, me.Name)}
	}
	return append(out, overall, read)
}
