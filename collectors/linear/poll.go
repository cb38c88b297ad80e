package linear

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/listing"
	"github.com/headway-metrics/headway/collectors/rest"
)

const (
	pageSize = 50
	// rateLimitWait is how long Linear is left alone; its buckets fill all the time.
	rateLimitWait = 5 * time.Minute
)

// query lists issues in the order of their creation, which no change disturbs. It
// costs some 170 of the 10,000 points that one query may.
const query = `query($after: String, $first: Int!, $filter: IssueFilter) {
  issues(first: $first, after: $after, filter: $filter, includeArchived: true, orderBy: createdAt) {
    nodes {
      id identifier title url priorityLabel createdAt updatedAt triagedAt startedAt completedAt canceledAt trashed
      state { name type } team { key } project { name } labels(first: 20) { nodes { name } }
    }
    pageInfo { hasNextPage endCursor }
  }
}`

// Interval between two sweeps; 0 without a token.
func (s *Source) Interval() time.Duration {
	if s.cfg.Token == "" {
		return 0
	}
	return s.cfg.Interval
}

// Poll lists the issues that changed since the last listing began.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	now := s.now().UTC()
	return listing.List{
		Source: Name, System: "Linear", Begin: now.Add(-s.cfg.History), Now: now, Page: s.page,
		Forgotten: func(status *rest.StatusError) bool { return status.Code == http.StatusBadRequest },
	}.Poll(ctx, from, emit)
}

// limited reports whether Linear asks for patience.
func limited(err error) bool {
	_, ok := errors.AsType[*collectors.RetryAfterError](err)
	return ok
}

// ask sends a query and reads what stands under "data" into to.
func (s *Source) ask(ctx context.Context, text string, variables map[string]any, to any) error {
	raw, err := s.client.Post(ctx, "/graphql", map[string]any{"query": text, "variables": variables})
	if status, ok := errors.AsType[*rest.StatusError](err); ok && !limited(err) && strings.Contains(strings.ToLower(status.Message), "rate limit") {
		return &collectors.RetryAfterError{After: rateLimitWait, Err: err}
	}
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message    string `json:"message"`
			Extensions struct {
				Code string `json:"code"`
			} `json:"extensions"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if len(answer.Errors) > 0 {
		first := answer.Errors[0]
		err := fmt.Errorf("the first error of the answer: %.200s", first.Message)
		if first.Extensions.Code == "RATELIMITED" {
			return &collectors.RetryAfterError{After: rateLimitWait, Err: err}
		}
		return err
	}
	if err := json.Unmarshal(answer.Data, to); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

// page reads one page, emits it and moves the cursor past it.
func (s *Source) page(ctx context.Context, c *listing.Place, emit collectors.Emit) error {
	filter := map[string]any{"updatedAt": map[string]any{"gte": c.Since.Format(time.RFC3339)}}
	if len(s.cfg.Teams) > 0 {
		filter["team"] = map[string]any{"key": map[string]any{"in": s.cfg.Teams}}
	}
	variables := map[string]any{"first": pageSize, "filter": filter}
	if c.After != "" {
		variables["after"] = c.After
	}
	var list struct {
		Issues *struct {
			Nodes    []json.RawMessage `json:"nodes"`
			PageInfo struct {
				More bool   `json:"hasNextPage"`
				End  string `json:"endCursor"`
			} `json:"pageInfo"`
		} `json:"issues"`
	}
	if err := s.ask(ctx, query, variables, &list); err != nil {
		return err
	}
	if list.Issues == nil {
		return errors.New("the answer holds no issues")
	}
	if next := list.Issues.PageInfo; next.More && (next.End == "" || next.End == c.After) {
		return errors.New("the list goes on and gives no new cursor")
	}
	if err := listing.Emit(ctx, emit, Name, typeListed, "issue", s.now(), list.Issues.Nodes); err != nil {
		return err
	}
	c.After = ""
	if list.Issues.PageInfo.More {
		c.After = list.Issues.PageInfo.End
	}
	return nil
}

// Backfill implements collectors.Backfiller.
func (s *Source) Backfill(from time.Time) (collectors.Poller, error) {
	if s.cfg.Token == "" {
		return nil, errors.New("sources.linear.token is not set, so nothing can be asked")
	}
	own := *s
	own.cfg.History = s.now().Sub(from)
	return &own, nil
}

// Test implements collectors.Tester: whether the token is known, which of the teams it
// sees, and one issue.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "GraphQL", Detail: "nothing is asked: no token is set"}}
	}
	var seen struct {
		Teams struct {
			Nodes []struct {
				Key string `json:"key"`
			} `json:"nodes"`
		} `json:"teams"`
	}
	if err := s.ask(ctx, `{ teams(first: 250) { nodes { key } } }`, nil, &seen); err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf("%v; check token_file under sources.linear", err)}}
	}
	known := map[string]bool{}
	for _, t := range seen.Teams.Nodes {
		known[strings.ToLower(t.Key)] = true
	}
	out := []collectors.Check{{What: "credentials", Detail: fmt.Sprintf("accepted; %d teams are seen", len(known))}}
	for _, key := range s.cfg.Teams {
		c := collectors.Check{What: "team " + key, Detail: "seen"}
		if !known[strings.ToLower(key)] {
			c = collectors.Check{What: c.What, Problem: "the token does not see it: correct teams under sources.linear, or let the key's user join a private team"}
		}
		out = append(out, c)
	}
	issues := collectors.Check{What: "issues", Detail: "granted"}
	c := listing.Place{Since: s.now().UTC().Add(-s.cfg.History)}
	if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error { return s.page(ctx, &c, emit) }); err != nil {
		issues = collectors.Check{What: issues.What, Problem: fmt.Sprintf("%v; the token needs the scope read", err)}
	}
	return append(out, issues)
}
