package github_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/budget"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/schema"
)

// counting publishes nothing and counts.
type counting struct{ events int }

func (c *counting) Publish(_ context.Context, events ...schema.Event) error {
	c.events += len(events)
	return nil
}

// kept is a CursorStore in memory.
type kept map[string]collectors.Cursor

func (k kept) Load(_ context.Context, key string) (collectors.Cursor, error) { return k[key], nil }

func (k kept) Save(_ context.Context, key string, c collectors.Cursor) error {
	k[key] = c
	return nil
}

// simulated is an organisation as the REST API shows it, answered in memory, with
// a rate limit by the hour of which others spend a part.
type simulated struct {
	repositories, limit, others int
	perRepository               map[string]int
	latency                     time.Duration
	// begin is when the simulation began.
	begin time.Time

	window            time.Time
	spent, taken      int
	requests, refused int
	lowest            int
	// GraphQL has a limit of its own, of points.
	queries, points, pointsSpent int
}

// costOf is what GraphQL counts: a point for every hundred lists that
// an answer may hold, which are those of each request and the parents of each commit.
func costOf(pulls int) int { return (pulls*2 + pulls*10 + 99) / 100 }

// RoundTrip implements http.RoundTripper.
func (s *simulated) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(s.latency) //nolint:forbidigo // It passes in the time of the simulation only.
	now := time.Now()
	if hour := now.Truncate(time.Hour); hour != s.window {
		s.window, s.spent, s.taken, s.pointsSpent = hour, 0, 0, 0
	}
	if r.URL.Path == "/graphql" {
		return s.graph(r)
	}
	// Live polling takes its part evenly over the hour and finds it there.
	for s.taken < s.others*int(now.Sub(s.window)/time.Minute)/60 {
		s.taken++
		if s.spent++; s.spent > s.limit {
			s.refused++
		}
	}
	s.requests++
	s.spent++
	s.lowest = min(s.lowest, s.limit-s.spent)
	h := http.Header{}
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.limit-s.spent)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(s.window.Add(time.Hour).Unix(), 10))
	h.Set("Content-Type", "application/json")
	status, body := http.StatusOK, s.answer(r, h)
	if s.spent > s.limit {
		s.refused++
		status, body = http.StatusForbidden, `{"message": "API rate limit exceeded"}`
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// graph answers for each request one commit and one review.
func (s *simulated) graph(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	at := s.begin.Add(-time.Hour).Format(time.RFC3339)
	pulls := object{}
	for _, m := range askedPull.FindAllStringSubmatch(string(body), -1) {
		n, _ := strconv.Atoi(m[1])
		pulls["p"+m[1]] = object{
			"reviews": object{"totalCount": 1, "nodes": []object{{"fullDatabaseId": m[1], "state": "APPROVED", "submittedAt": at, "author": object{"login": "grace", "__typename": "User"}}}},
			"commits": object{"totalCount": 1, "nodes": []object{{"commit": object{
				"oid": sha(100_000 + n), "authoredDate": at, "committedDate": at, "parents": object{"totalCount": 1, "nodes": []object{{"oid": sha(n)}}},
			}}}},
		}
	}
	cost := costOf(len(pulls))
	s.queries++
	s.points += cost
	if s.pointsSpent += cost; s.pointsSpent > s.limit {
		s.refused++
	}
	b, err := json.Marshal(object{"data": object{"repository": pulls}})
	h := http.Header{"Content-Type": {"application/json"}, "X-Ratelimit-Resource": {"graphql"}}
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.limit-s.pointsSpent)))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(s.window.Add(time.Hour).Unix(), 10))
	return &http.Response{StatusCode: http.StatusOK, Header: h, Body: io.NopCloser(strings.NewReader(string(b))), Request: r}, err
}

func (s *simulated) answer(r *http.Request, h http.Header) string {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	list := strings.Join(parts[min(3, len(parts)):], "/")
	var size int
	var one func(n int) object
	then := func(n int) string { return s.begin.Add(-time.Duration(n+1) * time.Hour).Format(time.RFC3339) }
	switch {
	case parts[0] == "orgs":
		size, one = s.repositories, func(n int) object {
			name := fmt.Sprintf("acme/r%04d", n)
			return object{"full_name": name, "html_url": "https://github.com/" + name}
		}
	case strings.HasSuffix(list, "/commits"), strings.HasSuffix(list, "/reviews"), strings.HasSuffix(list, "/statuses"):
		size, one = 1, func(n int) object {
			return object{
				"sha": sha(n), "id": n, "state": "success", "created_at": then(n), "submitted_at": then(n),
				"commit": object{"author": object{"date": then(n)}, "committer": object{"date": then(n)}},
			}
		}
	default:
		size, one = s.perRepository[list], func(n int) object {
			return object{
				"id": n, "number": n + 1, "sha": sha(n), "created_at": then(n), "updated_at": then(n), "merged_at": then(n), "status": "completed",
				"commit": object{"author": object{"date": then(n)}, "committer": object{"date": then(n)}},
			}
		}
	}
	from, to := min(max(page-1, 0)*100, size), min(max(page, 1)*100, size)
	if to < size {
		h.Set("Link", fmt.Sprintf(`<https://api.github.com%s?page=%d>; rel="next"`, r.URL.Path, max(page, 1)+1))
	}
	objects := make([]any, 0, to-from)
	for n := from; n < to; n++ {
		objects = append(objects, one(n))
	}
	var v any = objects
	if list == "actions/runs" {
		v = object{"workflow_runs": objects}
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestBackfillOfAThousandRepositories: the whole takes the hours that follow from
// the limit less the share of live polling, and live polling is never refused. The
// clock is simulated.
func TestBackfillOfAThousandRepositories(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 5000
		s := &simulated{
			begin: time.Now(), repositories: 1000, limit: limit, lowest: limit, others: limit * 25 / 100, latency: 100 * time.Millisecond,
			perRepository: map[string]int{"pulls": 50, "deployments": 4, "actions/runs": 20, "issues": 3, "commits": 101},
		}
		src := s.source(t)
		var to counting
		if _, err := collectors.Backfill(budget.WithReserve(t.Context(), 0.3), collectors.BackfillOptions{
			Source: src, From: s.begin.AddDate(0, -6, 0), Cursors: kept{}, Publisher: &to, Logger: slog.New(slog.DiscardHandler),
		}); err != nil {
			t.Fatal(err)
		}
		took := time.Since(s.begin)
		t.Logf("%d repositories of 50 merged requests: %d REST requests and %d GraphQL queries of %d points, %d events, %s at %d an hour each of which live polling takes %d",
			s.repositories, s.requests, s.queries, s.points, to.events, took.Round(time.Minute), limit, s.others)
		if s.refused > 0 {
			t.Errorf("%d requests were refused: the backfill starved what is happening now", s.refused)
		}
		if s.lowest < limit*29/100 {
			t.Errorf("only %d of %d requests were left at the lowest, want the reserved 30 %%", s.lowest, limit)
		}
		// 5 lists, commits on two pages, and the statuses of 4 deployments; REST alone would want
		// two more for each of 50 pulls, 110,010 in all.
		if want := 10 + 1000*(6+4); s.requests < want*9/10 || s.requests > want*11/10 {
			t.Errorf("%d requests, want about %d", s.requests, want)
		}
		if want := 1000 * 2; s.queries != want {
			t.Errorf("%d queries, want %d of 25 pulls at most", s.queries, want)
		}
		if floor := time.Duration((s.requests-1)/(limit*7/10)) * time.Hour; took < floor {
			t.Errorf("took %s: the limit cannot have been kept, at least %s", took, floor)
		}
	})
}

func (s *simulated) source(t *testing.T) *github.Source {
	t.Helper()
	cfg := github.DefaultConfig()
	cfg.Token, cfg.Organisations = "t0k3n", []string{"acme"}
	src, err := github.New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{Transport: s}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestBackfillReadsThePastOnce: with the events of a poll, and then nothing.
func TestBackfillReadsThePastOnce(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	var polled, filled collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &polled); err != nil {
		t.Fatal(err)
	}
	store := kept{}
	from := clock.AddDate(0, 0, -30)
	for range 2 {
		if _, err := collectors.Backfill(t.Context(), collectors.BackfillOptions{
			Source: f.source(t, nil), From: from, Cursors: store, Publisher: &filled, Logger: slog.New(slog.DiscardHandler),
		}); err != nil {
			t.Fatal(err)
		}
		f.change(func() {})
	}
	if got, want := ids(filled.Events()), ids(polled.Events()); len(got) != len(want) || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("a backfill gives %d events, polling %d, or others", len(got), len(want))
	}
	if n := len(f.requests()); n > 0 {
		t.Errorf("a backfill that had ended made %d requests", n)
	}
}
