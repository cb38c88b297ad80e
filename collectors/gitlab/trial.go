package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: the token with its scope, the projects, what the
// token's role may read of the first one, and its newest merge request.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.poller == nil {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: neither groups nor projects are named"}}
	}
	p := s.poller
	scope := collectors.Check{What: "scope read_api", Detail: "granted"}
	if err := p.client.checkScope(ctx); err != nil {
		if !errors.Is(err, errScope) {
			scope.What = "credentials"
		}
		return []collectors.Check{{What: scope.What, Problem: fmt.Sprintf("%v; check sources.gitlab.url and token_file", err)}}
	}
	out := []collectors.Check{scope}
	visible := collectors.Check{What: "projects"}
	projects, err := p.discover(ctx)
	switch {
	case err != nil:
		visible.Problem = fmt.Sprintf("not everything can be read that sources.gitlab names: %v; let the token's user join it with the role Reporter", err)
	case len(projects) == 0:
		visible.Problem = "no project is visible: let the token's user join the groups that sources.gitlab names, with the role Reporter"
	default:
		visible.Detail = fmt.Sprintf("%d are visible", len(projects))
	}
	out = append(out, visible)
	if len(projects) == 0 {
		return out
	}
	for _, res := range resources() {
		out = append(out, p.permitted(ctx, projects[0], res))
	}
	for _, group := range p.groups {
		out = append(out, p.ssoVisible(ctx, group))
	}
	return append(out, p.newest(ctx, projects[0], sample)...)
}

// permitted tries to list one thing of a project. GitLab answers 403 when the role is
// too low and when the project has the feature turned off, and 404 as well of what is
// private.
func (p *poller) permitted(ctx context.Context, proj project, res resource) collectors.Check {
	c := collectors.Check{What: "role Reporter, " + res.name, Detail: "granted"}
	q := res.query
	q.PerPage = 1
	var raws []json.RawMessage
	_, err := p.client.get(ctx, fmt.Sprintf("projects/%d/%s", proj.ID, res.path), q, "", "", &raws)
	refused, answered := errors.AsType[*statusError](err)
	switch {
	case err == nil:
	case answered && (refused.code == http.StatusForbidden || refused.code == http.StatusNotFound):
		c = collectors.Check{What: c.What, Problem: fmt.Sprintf(
			"missing in %s (GitLab answers %d); without it no %s are read: give the token's user the role Reporter, unless the project has the feature turned off",
			proj.PathWithNamespace, refused.code, res.name)}
	default:
		c = collectors.Check{What: c.What, Problem: err.Error()}
	}
	return c
}

// newest samples the merge request that changed last.
func (p *poller) newest(ctx context.Context, proj project, sample collectors.Emit) []collectors.Check {
	var raws []json.RawMessage
	q := query{PerPage: 1, OrderBy: "updated_at", Sort: "desc", Scope: "all", State: "all"}
	if _, err := p.client.get(ctx, fmt.Sprintf("projects/%d/merge_requests", proj.ID), q, "", "", &raws); err != nil || len(raws) == 0 {
		return nil // Said above, or there is none.
	}
	var batch emission
	if err := mergeRequestEvents(ctx, p, proj, raws[0], &batch); err != nil {
		return []collectors.Check{{What: "sample", Problem: err.Error()}}
	}
	_ = sample(ctx, batch.Stamped(p.now())...) // A sample's only error is that one is enough.
	return nil
}
