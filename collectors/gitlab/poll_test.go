package gitlab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/gitlab"
	"github.com/headway-metrics/headway/schema"
)

func ids(events []schema.Event) []string {
	set := map[string]bool{}
	for _, ev := range events {
		set[ev.ID] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func count(events []schema.Event) map[string]int {
	out := map[string]int{}
	seen := map[string]bool{}
	for _, ev := range events {
		if !seen[ev.ID] {
			out[strings.TrimPrefix(ev.Type, "gitlab.rest.")]++
		}
		seen[ev.ID] = true
	}
	return out
}

func TestPollerContract(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return f.source(t, nil) })
	if d := cmp.Diff(counts(), count(events)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	ignored := 0
	for _, ev := range events {
		_, err := f.source(t, nil).Normalize(ev)
		if _, ok := errors.AsType[*schema.IgnoredError](err); ok {
			ignored++
		} else if err != nil {
			t.Errorf("%s: %v", ev.Type, err)
		}
	}
	if ignored < 3 {
		t.Errorf("%d events are ignored, want the author's own approvals", ignored)
	}
	if !f.auth["Bearer t0k3n"] || len(f.auth) != 1 {
		t.Errorf("requests not authorised: %d kinds of authorisation", len(f.auth))
	}
}

// polled gives the facts of a whole backfill.
func polled[F schema.Fact](t *testing.T, f *fakeGitLab) map[string]F {
	t.Helper()
	var p collectortest.Publisher
	s := f.source(t, nil)
	if _, err := collectortest.CatchUp(t, s, nil, &p); err != nil {
		t.Fatal(err)
	}
	out := map[string]F{}
	for _, ev := range p.Events() {
		facts, err := s.Normalize(ev)
		if _, ok := errors.AsType[*schema.IgnoredError](err); err != nil && !ok {
			t.Fatal(err)
		}
		for _, f := range facts {
			if f, ok := f.(F); ok {
				out[f.FactID()] = f
			}
		}
	}
	return out
}

func TestRESTFactsKeepTheContract(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p); err != nil {
		t.Fatal(err)
	}
	c := collectortest.Case{Source: f.source(t, nil)}
	seen := map[string]int{}
	for _, ev := range p.Events() {
		if seen[ev.Type]++; seen[ev.Type] <= 2 {
			c.Events = append(c.Events, ev)
		}
	}
	collectortest.Check(t, c)
}

func TestSquashedRequestKnowsItsFirstCommit(t *testing.T) {
	t.Parallel()
	c := polled[*schema.Change](t, newFakeGitLab(t))[repo+"#1"]
	if c == nil || c.State != schema.ChangeMerged || c.MergeSHA != sha(0) || c.CommitCount != 2 || c.FirstCommitAt == nil ||
		!c.FirstCommitAt.Equal(clock.Add(-52*time.Hour)) || c.Author != "gitlab:ada" {
		t.Errorf("the request is %+v", c)
	}
}

func TestApprovalsAreOnlyThoseOfOthers(t *testing.T) {
	t.Parallel()
	reviews := polled[*schema.Review](t, newFakeGitLab(t))
	if len(reviews) != 3 {
		t.Errorf("%d approvals, want one of each merged request", len(reviews))
	}
	for _, r := range reviews {
		if r.Reviewer != "gitlab:grace" || r.State != "approved" {
			t.Errorf("review %+v", r)
		}
	}
}

func TestDeploymentHasTheTierOfItsEnvironment(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	deployments := polled[*schema.Deployment](t, f)
	d := deployments[repo+"/job/800"]
	if len(deployments) != 3 || d == nil || d.TierHint != schema.TierProduction || d.Commit != sha(0) || d.StartedAt == nil || d.FinishedAt == nil {
		t.Errorf("deployment %+v of %d", d, len(deployments))
	}
	n := 0
	for _, r := range f.requests() {
		if strings.Contains(r, "/environments/") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d requests for one environment", n)
	}
}

func TestIncidentThatWasReopened(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for id, u := range polled[*schema.IncidentUpdate](t, newFakeGitLab(t)) {
		got[strings.TrimPrefix(id, repo+"#2/")] = u.Severity
	}
	want := map[string]string{}
	for kind, ages := range map[string][]time.Duration{"triggered": {5 * time.Hour}, "resolved": {4 * time.Hour, 2 * time.Hour}, "reopened": {3 * time.Hour}} {
		for _, age := range ages {
			want[kind+"@"+clock.Add(-age).Format(time.RFC3339)] = "high"
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("updates (-want +got):\n%s", d)
	}
}

// TestRESTAndWebhookConverge: one merge request told by both, in any order, ends as
// the REST API's row, which knows the author and the first commit; and a webhook of
// the merge beats what was read within the same second before it.
func TestRESTAndWebhookConverge(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	rest := func(state, updated, merged string) *schema.Change {
		m := object{
			"iid": 12, "state": state, "author": user(51, "ada"), "created_at": "2026-05-01T09:10:00.123Z", "updated_at": updated, "merged_at": nil,
			"source_branch": "basket", "target_branch": "main", "sha": sha(1), "merge_commit_sha": nil,
		}
		if merged != "" {
			m["merged_at"], m["merge_commit_sha"] = merged, "ffffffffffffffffffffffffffffffffffffffff"
		}
		data, err := json.Marshal(object{"project": object{"id": 7, "web_url": "https://gitlab.example.com/Acme/Shop"}, "merge_request": m})
		if err != nil {
			t.Fatal(err)
		}
		facts, err := s.Normalize(schema.Event{ID: "1", Source: gitlab.Name, Type: "gitlab.rest.merge_request", Time: collectortest.Time, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		return facts[0].(*schema.Change)
	}
	hook := read[*schema.Change](t, "merge-merged")[0]
	fuller := rest("merged", "2026-05-01T11:00:00.789Z", "2026-05-01T11:00:00.456Z")
	if got := last(t, []*schema.Change{fuller, hook}); got != fuller || got.Author == "" {
		t.Errorf("the webhook's row counts: %+v", got)
	}
	stale := rest("opened", "2026-05-01T11:00:00.300Z", "")
	if got := last(t, []*schema.Change{hook, stale}); got.State != schema.ChangeMerged {
		t.Errorf("what was read before the merge counts: %+v", got)
	}
}

func TestNothingNewIsNotSent(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	// The lists have a new address now, so their ETags settle once.
	if cursor, err = collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
		t.Fatal(err)
	}
	f.change(func() {})
	var later collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &later); err != nil {
		t.Fatal(err)
	}
	if n := len(later.Events()); n > 0 {
		t.Errorf("%d events although nothing changed", n)
	}
	for _, r := range f.requests() {
		if !strings.HasPrefix(r, "304 ") && !strings.HasSuffix(r, "/projects/Acme%2FShop") && !strings.HasSuffix(r, "/self") {
			t.Errorf("request %q is answered in full", r)
		}
	}
}

func TestOnlyWhatChangedIsRead(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.lists["deployments"][1]["status"] = "running"
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	f.change(func() {
		d := maps.Clone(f.lists["deployments"][1])
		d["status"], d["updated_at"] = "failed", at(time.Minute)
		f.lists["deployments"][1] = d
		m := maps.Clone(f.lists["merge_requests"][120])
		m["title"], m["updated_at"] = "Changed", at(time.Minute)
		f.lists["merge_requests"][120] = m
		f.lists["repository/commits"] = append([]object{restCommit(7000, 0)}, f.lists["repository/commits"]...)
	})
	var later collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &later); err != nil {
		t.Fatal(err)
	}
	known := ids(p.Events())
	fresh := map[string]int{}
	for _, ev := range later.Events() {
		if !slices.Contains(known, ev.ID) {
			fresh[ev.Type]++
		}
	}
	want := map[string]int{"gitlab.rest.merge_request": 1, "gitlab.rest.deployment": 1, "gitlab.rest.commit": 1}
	if d := cmp.Diff(want, fresh); d != "" {
		t.Errorf("new events (-want +got):\n%s", d)
	}
	if n := len(f.requests()); n > 12 {
		t.Errorf("%d requests for three changes: %q", n, f.requests())
	}
}

// TestResumesInTheMiddle: behind a page that cannot be read at first, in every list
// that has pages.
func TestResumesInTheMiddle(t *testing.T) {
	t.Parallel()
	var whole collectortest.Publisher
	if _, err := collectortest.CatchUp(t, newFakeGitLab(t).source(t, nil), nil, &whole); err != nil {
		t.Fatal(err)
	}
	for name, isSecond := range map[string]func(*http.Request) bool{
		"merge_requests": func(r *http.Request) bool {
			return !strings.HasPrefix(r.URL.Query().Get("updated_after"), "2026-05-02")
		},
		"merge_requests/120/notes":       func(*http.Request) bool { return true },
		"repository/commits":             func(r *http.Request) bool { return r.URL.Query().Get("page") == "2" },
		"repository/tags":                func(r *http.Request) bool { return r.URL.Query().Get("page_token") != "" },
		"issues/2/resource_state_events": func(*http.Request) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeGitLab(t)
			f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/projects/7/"+name) && isSecond(r) {
					w.WriteHeader(http.StatusBadGateway)
					return true
				}
				return false
			}
			var halves collectortest.Publisher
			cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &halves)
			if err == nil {
				t.Fatal("a page that cannot be read is no error")
			}
			before := ids(halves.Events())
			f.change(func() { f.trouble = nil })
			var rest collectortest.Publisher
			if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &rest); err != nil {
				t.Fatal(err)
			}
			all := slices.Concat(before, ids(rest.Events()))
			slices.Sort(all)
			if d := cmp.Diff(ids(whole.Events()), slices.Compact(all)); d != "" {
				t.Errorf("ids not accounted for:\n%s", d)
			}
			for _, ev := range rest.Events() {
				// The lists that have no "changed since" overlap by a day.
				overlap := ev.Type == "gitlab.rest.commit" || ev.Type == "gitlab.rest.tag"
				if !overlap && slices.Contains(before, ev.ID) {
					t.Errorf("%s is read again", ev.Type)
				}
			}
			for _, r := range f.requests() {
				if strings.Contains(name, "repository/") && strings.Contains(r, "/"+name+"?") && !strings.Contains(r, "page=2") && !strings.Contains(r, "page_token=") {
					t.Errorf("the first page is read again: %s", r)
				}
			}
		})
	}
}

// TestNextPageIsGone: the tag that named the next page was deleted meanwhile.
func TestNextPageIsGone(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("page_token") != "" {
			w.WriteHeader(http.StatusBadRequest)
			return true
		}
		return false
	}
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
	if err == nil || bytes.Contains(cursor, []byte("page_token")) {
		t.Fatalf("error %v, cursor %s", err, cursor)
	}
	f.change(func() { f.trouble = nil })
	if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(counts(), count(p.Events())); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

// TestNotModifiedUnasked: 304 to a request without an ETag says nothing of what there is,
// whichever request it is.
func TestNotModifiedUnasked(t *testing.T) {
	t.Parallel()
	for n := range 8 {
		f := newFakeGitLab(t)
		plain := 0
		f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("If-None-Match") != "" {
				return false
			}
			if plain++; plain <= n {
				return false
			}
			w.WriteHeader(http.StatusNotModified)
			return true
		}
		var p collectortest.Publisher
		cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
		if err == nil || !strings.Contains(err.Error(), "304") {
			t.Errorf("after %d requests: error %v, want 304", n, err)
		}
		f.change(func() { f.trouble = nil })
		if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
			t.Fatal(err)
		}
		want := counts()
		if d := cmp.Diff(want, count(p.Events())); d != "" {
			t.Errorf("after %d requests (-want +got):\n%s", n, d)
		}
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name   string
		path   string
		answer func(http.ResponseWriter)
		// want is in the error; "" is no error.
		want string
		// after is what a RetryAfterError must say.
		after time.Duration
		// others says that what is not in trouble is still read.
		others bool
	}{
		{"token refused", "/self", answer(401, `{"message":"401 Unauthorized"}`), "renew sources.gitlab.token_file", 0, false},
		{"token revoked later", "/merge_requests", answer(401, `{"error":"invalid_token"}`), "renew sources.gitlab.token_file", 0, false},
		{"token without the scope", "/Acme/Shop", answer(403, `{"error":"insufficient_scope","scope":"read_api api"}`), "make one with the scope read_api", 0, false},
		{"rate limit", "/merge_requests", answer(429, `Retry later`, "Retry-After", "90"), "rate budget is spent", 90 * time.Second, false},
		{"rate limit with a reset", "/Acme/Shop", answer(429, `Retry later`, "RateLimit-Limit", "600", "RateLimit-Remaining", "0",
			"RateLimit-Reset", strconv.FormatInt(clock.Add(10*time.Minute).Unix(), 10)), "rate budget is spent", 10 * time.Minute, false},
		{"server error", "/deployments", answer(500, `{"message":"500 Internal Server Error"}`), "deployments of Acme/Shop", 0, true},
		{"cut short", "/pipelines", answer(200, `[{"id":1,`), "pipelines of Acme/Shop", 0, true},
		{"not JSON", "/issues", answer(200, `<html>`), "issues of Acme/Shop", 0, true},
		{"issues turned off", "/issues", answer(403, `{"message":"403 Forbidden"}`), "", 0, true},
		{"empty repository", "/commits", answer(404, `{"message":"404 Repository Not Found"}`), "", 0, true},
		{"unknown project", "/Acme/Shop", answer(404, `{"message":"404 Project Not Found"}`), "project Acme/Shop", 0, false},
		{"GitLab tells nothing of the token", "/self", answer(404, `{"error":"404 Not Found"}`), "", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeGitLab(t)
			f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, tt.path) && !strings.Contains(r.URL.Path, "/merge_requests/") {
					tt.answer(w)
					return true
				}
				return false
			}
			var p collectortest.Publisher
			cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "t0k3n") {
				t.Errorf("the error shows the token: %v", err)
			}
			if later, ok := errors.AsType[*collectors.RetryAfterError](err); ok != (tt.after > 0) || (ok && later.After != tt.after) {
				t.Errorf("error %v, want to come back in %s", err, tt.after)
			}
			if got := len(count(p.Events())) >= 5; got != tt.others {
				t.Errorf("others are read: %v, want %v (%v)", got, tt.others, count(p.Events()))
			}
			// When the trouble is over, nothing is missing.
			f.change(func() { f.trouble = nil })
			if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(counts(), count(p.Events())); d != "" {
				t.Errorf("after the trouble (-want +got):\n%s", d)
			}
		})
	}
}

func TestTokenThatMayNotReadTheAPI(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.scopes = []string{"read_repository"}
	_, err := collectortest.CatchUp(t, f.source(t, nil), nil, &collectortest.Publisher{})
	if err == nil || !strings.Contains(err.Error(), "scope read_api; it has read_repository") {
		t.Errorf("error %v", err)
	}
	if n := len(f.requests()); n != 1 {
		t.Errorf("%d requests before saying so", n)
	}
}

func TestUnreadableObjectsAreKept(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.lists["pipelines"][1]["ref"] = object{}
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p); err != nil {
		t.Fatal(err)
	}
	dead := 0
	for _, ev := range p.Events() {
		_, err := f.source(t, nil).Normalize(ev)
		if _, ignored := errors.AsType[*schema.IgnoredError](err); err != nil && !ignored {
			dead++
		}
	}
	if dead != 1 || count(p.Events())["pipeline"] != 3 {
		t.Errorf("%d dead letters of %v, want one of three pipelines", dead, count(p.Events()))
	}
}

// TestBackfillLeavesBudget: with little of the limit left, what is known to be
// live is read and the backfill waits.
func TestBackfillLeavesBudget(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.header.Set("RateLimit-Limit", "2000")
	f.header.Set("RateLimit-Remaining", "400")
	f.header.Set("RateLimit-Reset", strconv.FormatInt(clock.Add(time.Minute).Unix(), 10))
	live := collectors.Cursor(`{"projects":{"7":{"issues":{"live":true,"until":"` + at(48*time.Hour) + `"}}}}`)
	var p collectortest.Publisher
	cursor, err := f.source(t, nil).Poll(t.Context(), live, p.Publish)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"issue": 2}, count(p.Events())); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	f.change(func() { f.header.Set("RateLimit-Remaining", "1900") })
	if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
		t.Fatal(err)
	}
	if n := count(p.Events())["merge_request"]; n != 135 {
		t.Errorf("%d requests once there is budget again", n)
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	var p collectortest.Publisher
	s := f.source(t, func(c *gitlab.Config) { c.Groups, c.Projects = []string{"Acme"}, []string{"Acme/Shop"} })
	cursor, err := collectortest.CatchUp(t, s, nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Projects map[string]any }
	if err := json.Unmarshal(cursor, &c); err != nil || len(c.Projects) != 1 || c.Projects["7"] == nil {
		t.Errorf("projects %v, want one without archived ones and forks (%v)", c.Projects, err)
	}
}

// TestNoAnswer: a request that is never answered is a problem of its resource,
// not the end of the poll.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	f.timeout = 2 * time.Second
	f.trouble = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/deployments") {
			<-r.Context().Done()
			return true
		}
		return false
	}
	var p collectortest.Publisher
	_, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
	if err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("error %v", err)
	}
	if got := count(p.Events()); got["issue"] != 2 || got["deployment"] != 0 {
		t.Errorf("events %v, want all but deployments", got)
	}
}

func TestWithoutProjectsNothingIsPolled(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	if s.Interval() != 0 {
		t.Errorf("interval %s", s.Interval())
	}
	if c, err := s.Poll(t.Context(), collectors.Cursor("x"), (&collectortest.Publisher{}).Publish); err != nil || string(c) != "x" {
		t.Errorf("Poll: %s, %v", c, err)
	}
}

func TestBrokenCursor(t *testing.T) {
	t.Parallel()
	f := newFakeGitLab(t)
	if _, err := f.source(t, nil).Poll(t.Context(), collectors.Cursor("{"), (&collectortest.Publisher{}).Publish); err == nil {
		t.Error("a cursor that cannot be read is no error")
	}
}
