package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// GraphQL tells the commits and reviews of many requests at once, where REST wants two
// questions for each; it has a rate limit of its own besides. What it costs are points:
// one for every hundred lists that an answer may hold
// (https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api).
const (
	pullsPerQuery = 25
	// detailCommits and detailReviews of a request are asked for; one with more is left
	// to REST, and so is a commit with more parents.
	detailCommits = 10
	detailReviews = 30
	detailParents = 4
)

// What is asked of a request: talk of every one, work of those that are merged, since
// REST is not asked for the commits of the others either.
const (
	talk = "reviews(first: %d) { totalCount nodes { fullDatabaseId url state submittedAt author { login __typename } } }"
	work = "commits(first: %d) { totalCount nodes { commit { oid url message authoredDate committedDate parents(first: %d) { totalCount nodes { oid } } } } }"
)

type connection[T any] struct {
	TotalCount int `json:"totalCount"`
	Nodes      []T `json:"nodes"`
}

// whole reports whether a list was answered to its end.
func (c *connection[T]) whole() bool { return c != nil && c.TotalCount == len(c.Nodes) }

type graphCommit struct {
	Commit struct {
		OID           string    `json:"oid"`
		URL           string    `json:"url"`
		Message       string    `json:"message"`
		AuthoredDate  time.Time `json:"authoredDate"`
		CommittedDate time.Time `json:"committedDate"`
		Parents       connection[struct {
			OID string `json:"oid"`
		}] `json:"parents"`
	} `json:"commit"`
}

type graphReview struct {
	ID          json.Number `json:"fullDatabaseId"`
	URL         string      `json:"url"`
	State       string      `json:"state"`
	SubmittedAt *time.Time  `json:"submittedAt"`
	Author      *struct {
		Login string `json:"login"`
		Type  string `json:"__typename"`
	} `json:"author"`
}

type graphPull struct {
	Commits *connection[graphCommit] `json:"commits"`
	Reviews *connection[graphReview] `json:"reviews"`
}

// ahead asks for what belongs to the requests of a page, so that REST need not be asked
// for each. It is never missed: whatever it does not tell, REST does.
func ahead(ctx context.Context, c *client, repo repository, raws []json.RawMessage) {
	c.known = map[string][]json.RawMessage{}
	for from := 0; from < len(raws) && !c.withoutGraph; from += pullsPerQuery {
		if err := c.details(ctx, repo, raws[from:min(from+pullsPerQuery, len(raws))]); err != nil {
			res, answered := errors.AsType[*gh.ErrorResponse](err)
			// A server without it, or a credential that may not use it, is not asked again.
			c.withoutGraph = answered && res.Response != nil && res.Response.StatusCode/100 == 4
			return
		}
	}
}

// details asks for some requests, and keeps what REST would answer by its path.
func (c *client) details(ctx context.Context, repo repository, raws []json.RawMessage) error {
	var parts strings.Builder
	for _, raw := range raws {
		var q pullRequest
		if json.Unmarshal(raw, &q) != nil {
			continue
		}
		fmt.Fprintf(&parts, "p%d: pullRequest(number: %d) { "+talk, q.Number, q.Number, detailReviews)
		if q.MergedAt != nil {
			fmt.Fprintf(&parts, " "+work, detailCommits, detailParents)
		}
		parts.WriteString(" } ")
	}
	if parts.Len() == 0 {
		return nil
	}
	owner, name, _ := strings.Cut(repo.FullName, "/")
	var answer struct {
		Data struct {
			Repository map[string]*graphPull `json:"repository"`
		} `json:"data"`
	}
	query := "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { " + parts.String() + "} }"
	if err := c.graphQL(ctx, query, map[string]any{"owner": owner, "name": name}, &answer); err != nil {
		return err
	}
	for alias, p := range answer.Data.Repository {
		if p == nil {
			continue
		}
		path := fmt.Sprintf("repos/%s/pulls/%s/", repo.FullName, strings.TrimPrefix(alias, "p"))
		keep(c, path+"commits", p.Commits, graphCommit.rest)
		keep(c, path+"reviews", p.Reviews, graphReview.rest)
	}
	return nil
}

// graphQL asks the API beside REST's: at /graphql of api.github.com, at /api/graphql of
// a server of one's own.
func (c *client) graphQL(ctx context.Context, query string, variables map[string]any, v any) error {
	c.requests++
	path := "graphql"
	if strings.HasSuffix(c.graph.BaseURL.Path, "/api/v3/") {
		path = "../graphql"
	}
	req, err := c.graph.NewRequest(http.MethodPost, path, map[string]any{"query": query, "variables": variables})
	if err != nil {
		return fmt.Errorf("asking GitHub's GraphQL: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	asking, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if _, err := c.graph.Do(asking, req, v); err != nil {
		return fmt.Errorf("asking GitHub's GraphQL: %w", err)
	}
	return nil
}

// keep remembers a list under the path by which REST would be asked for it, when it is
// whole and all of it can be said in REST's words.
func keep[T any](c *client, path string, list *connection[T], rest func(T) (any, bool)) {
	if !list.whole() {
		return
	}
	out := make([]json.RawMessage, 0, len(list.Nodes))
	for _, n := range list.Nodes {
		o, ok := rest(n)
		b, err := json.Marshal(o)
		if !ok || err != nil {
			return
		}
		out = append(out, b)
	}
	c.known[path] = out
}

type restObject = map[string]any

// rest is the commit as the REST API writes it.
func (g graphCommit) rest() (any, bool) {
	c := g.Commit
	parents := make([]restObject, 0, len(c.Parents.Nodes))
	for _, p := range c.Parents.Nodes {
		parents = append(parents, restObject{"sha": p.OID})
	}
	return restObject{
		"sha": c.OID, "html_url": c.URL, "parents": parents,
		"commit": restObject{"message": c.Message, "author": restObject{"date": c.AuthoredDate}, "committer": restObject{"date": c.CommittedDate}},
	}, c.Parents.whole() && c.OID != ""
}

// rest is the review as the REST API writes it, which names an App with "[bot]".
func (g graphReview) rest() (any, bool) {
	id, err := strconv.ParseInt(g.ID.String(), 10, 64)
	out := restObject{"id": id, "html_url": g.URL, "state": g.State, "submitted_at": g.SubmittedAt, "user": nil}
	if a := g.Author; a != nil {
		login := a.Login
		if a.Type == "Bot" && !strings.HasSuffix(login, "[bot]") {
			login += "[bot]"
		}
		out["user"] = restObject{"login": login, "type": a.Type}
	}
	return out, err == nil
}
