package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/headway-metrics/headway/collectors"
)

// permissions by which each list can be read, as GitHub's settings call them.
func permissions() []struct{ name, path, without string } {
	return []struct{ name, path, without string }{
		{"Contents: read", "commits", "commits"},
		{"Pull requests: read", "pulls?state=all", "pull requests and reviews"},
		{"Deployments: read", "deployments", "deployments"},
		{"Actions: read", "actions/runs", "workflow runs"},
		{"Issues: read", "issues?state=all", "issues"},
	}
}

// Test implements collectors.Tester: the credentials, every permission by name on
// the first repository, and its newest pull request.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.poller == nil {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: neither organisations nor repositories are named"}}
	}
	p := s.poller
	var limit struct {
		Resources struct {
			Core struct{ Limit, Remaining int } `json:"core"`
		} `json:"resources"`
	}
	if _, err := p.client.get(ctx, "rate_limit", "", &limit); err != nil {
		return []collectors.Check{{What: "credentials", Problem: err.Error()}}
	}
	core := limit.Resources.Core
	out := []collectors.Check{{What: "credentials", Detail: fmt.Sprintf("accepted; %d of %d requests are left this hour", core.Remaining, core.Limit)}}
	repos, err := p.discover(ctx)
	if err != nil {
		return append(out, collectors.Check{What: "permission Metadata: read", Problem: fmt.Sprintf(
			"the list of repositories cannot be read: %v; give the credential Metadata: read, and access to what sources.github names", err)})
	}
	if len(repos) == 0 {
		return append(out, collectors.Check{What: "permission Metadata: read", Problem: "no repository is visible: the credential needs access to the organisation's repositories (all, or selected ones)"})
	}
	out = append(out, collectors.Check{What: "permission Metadata: read", Detail: fmt.Sprintf("%d repositories are visible", len(repos))})
	repo := repos[0]
	for _, want := range permissions() {
		out = append(out, p.permitted(ctx, repo, want.name, want.path, want.without))
	}
	for _, org := range p.organisations {
		out = append(out, p.teamsVisible(ctx, org), p.ssoVisible(ctx, org))
	}
	out = append(out, p.hooksVisible(ctx))
	var raws []json.RawMessage
	if _, err := p.client.get(ctx, "repos/"+repo.FullName+"/pulls?state=all&sort=updated&direction=desc&per_page=1", "", &raws); err == nil && len(raws) == 1 {
		var batch emission
		if err := batch.add(repo, "pull_request", map[string]any{"pull_request": raws[0]}, "sample"); err != nil {
			return append(out, collectors.Check{What: "sample", Problem: err.Error()})
		}
		_ = sample(ctx, batch.Stamped(p.now())...) // A sample's only error is that one is enough.
	}
	return out
}

// permitted tries to list one thing of a repository.
func (p *poller) permitted(ctx context.Context, repo repository, name, path, without string) collectors.Check {
	c := collectors.Check{What: "permission " + name}
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	var list json.RawMessage
	_, err := p.client.get(ctx, "repos/"+repo.FullName+"/"+path+sep+"per_page=1", "", &list)
	res, answered := errors.AsType[*gh.ErrorResponse](err)
	switch {
	case err == nil:
		c.Detail = "granted"
	case answered && res.Response != nil && (res.Response.StatusCode == http.StatusGone || res.Response.StatusCode == http.StatusConflict):
		c.Detail = repo.FullName + " has none of these"
	case unavailable(err):
		c.Problem = fmt.Sprintf("missing for %s (GitHub answers %d); without it no %s are read: add it to the token or App and accept it for the organisation",
			repo.FullName, res.Response.StatusCode, without)
	default:
		c.Problem = err.Error()
	}
	return c
}

// teamsVisible says whether teams can be read. It is no problem when not: owners may
// be known from elsewhere.
func (p *poller) teamsVisible(ctx context.Context, org string) collectors.Check {
	c := collectors.Check{What: "permission Members: read", Detail: "granted for " + org}
	var list []json.RawMessage
	switch _, err := p.client.get(ctx, "orgs/"+org+"/teams?per_page=1", "", &list); {
	case unavailable(err):
		c.Detail = "missing for " + org + ": its teams are left out; whose repositories are then says the catalog, CODEOWNERS or headway.yaml"
	case err != nil:
		c.Detail, c.Problem = "", err.Error()
	}
	return c
}

// hooksVisible says whether failed deliveries can be asked for.
func (p *poller) hooksVisible(ctx context.Context) collectors.Check {
	c := collectors.Check{What: "permission Webhooks: read and write"}
	if !p.redeliver {
		c.Detail = "not needed: redeliver is off, or no webhook_secret is set"
		return c
	}
	hooks, err := p.findHooks(ctx)
	switch {
	case err != nil:
		c.Problem = err.Error()
	case len(hooks) == 0:
		c.Problem = fmt.Sprintf("no webhook is visible that leads to %s; failed deliveries are not asked for again: "+
			"make the webhook, add this permission (organisations: admin:org_hook), or set redeliver: false", hookPath)
	default:
		c.Detail = "granted for " + strings.Join(hooks, ", ")
	}
	return c
}
