package github_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
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
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/internal/secret"
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
			out[strings.TrimPrefix(ev.Type, "github.rest.")]++
		}
		seen[ev.ID] = true
	}
	return out
}

func TestPollerContract(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return f.source(t, nil) })
	// 101 commits of the branch, and two of each of the 11 merged requests.
	want := map[string]int{"pull_request": 105, "pull_request_review": 11, "commit": 123, "deployment": 3, "workflow_run": 3, "issues": 1}
	if d := cmp.Diff(want, count(events)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	for _, ev := range events {
		if _, err := f.source(t, nil).Normalize(ev); err != nil {
			t.Errorf("%s: %v", ev.Type, err)
		}
	}
	if !f.auth["Bearer t0k3n"] || len(f.auth) != 1 {
		t.Errorf("requests not authorised: %d kinds of authorisation", len(f.auth))
	}
}

func TestRESTAndWebhookAgree(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
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
	for _, ev := range p.Events() {
		facts, err := f.source(t, nil).Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		if q, ok := facts[0].(*schema.Change); ok && q.State == schema.ChangeMerged {
			// The older of the two commits, by its author.
			if q.FirstCommitAt == nil || !q.FirstCommitAt.Equal(q.MergedAt.Add(-4*time.Hour)) || q.CommitCount != 2 {
				t.Errorf("%s merged %s: first of %d commits at %v", q.ChangeID, q.MergedAt, q.CommitCount, q.FirstCommitAt)
			}
		}
	}
}

func TestNothingNewIsFree(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	// The lists with "since" have a new address now, so their ETags settle once.
	cursor, err = collectortest.CatchUp(t, f.source(t, nil), cursor, &p)
	if err != nil {
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
		if !strings.HasPrefix(r, "304 ") && !strings.HasSuffix(r, "/repos/Acme/Shop") {
			t.Errorf("request %q costs something", r)
		}
	}
}

func TestOnlyWhatChangedIsRead(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	// A deployment that has not ended when it is first seen.
	f.lists["deployments/69/statuses"] = []object{{"state": "in_progress", "created_at": at(2 * time.Hour)}}
	var p collectortest.Publisher
	cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	f.change(func() {
		f.lists["deployments/69/statuses"] = []object{{"state": "failure", "created_at": at(time.Minute)}, {"state": "in_progress", "created_at": at(2 * time.Hour)}}
		moved := maps.Clone(f.lists["pulls"][100])
		moved["updated_at"] = at(time.Minute)
		moved["title"] = "Changed"
		f.lists["pulls"] = append([]object{moved}, slices.Delete(slices.Clone(f.lists["pulls"]), 100, 101)...)
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
	// Request 900 is one of those that are merged and reviewed; its review and
	// commits are known.
	want := map[string]int{"github.rest.pull_request": 1, "github.rest.deployment": 1}
	if d := cmp.Diff(want, fresh); d != "" {
		t.Errorf("new events (-want +got):\n%s", d)
	}
	for _, r := range f.requests() {
		if strings.Contains(r, "/pulls?") && strings.Contains(r, "&page=2") {
			t.Errorf("read on behind what is known: %s", r)
		}
	}
}

func TestResumesInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	var whole, halves collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &whole); err != nil {
		t.Fatal(err)
	}
	// The second page of requests cannot be read at first.
	f.change(func() {
		f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/repos/Acme/Shop/pulls" && r.URL.Query().Get("page") == "2" {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			return false
		}
	})
	cursor, err := collectortest.CatchUp(t, f.source(t, nil), nil, &halves)
	if err == nil {
		t.Fatal("a page that cannot be read is no error")
	}
	f.change(func() { f.trouble = nil })
	if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &halves); err != nil {
		t.Fatal(err)
	}
	for _, r := range f.requests() {
		if strings.Contains(r, "/pulls?") && strings.Contains(r, "&page=1&") {
			t.Errorf("the first page is read again: %s", r)
		}
	}
	if d := cmp.Diff(ids(whole.Events()), ids(halves.Events())); d != "" {
		t.Errorf("ids not accounted for:\n%s", d)
	}
}

// TestNotModifiedUnasked: 304 to a request without an ETag says nothing of what there is,
// whichever request it is.
func TestNotModifiedUnasked(t *testing.T) {
	t.Parallel()
	for n := range 8 {
		f := newFakeGitHub(t)
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
		want := map[string]int{"pull_request": 105, "pull_request_review": 11, "commit": 123, "deployment": 3, "workflow_run": 3, "issues": 1}
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
		{"token refused", "/repos/Acme/Shop", answer(401, `{"message":"Bad credentials"}`), "renew sources.github.token_file", 0, false},
		{"token revoked later", "/pulls", answer(401, `{"message":"Bad credentials"}`), "renew sources.github.token_file", 0, false},
		{"secondary limit", "/pulls", answer(403, `{"message":"You have exceeded a secondary rate limit"}`, "Retry-After", "90"), "rate budget is spent", 90 * time.Second, false},
		{"primary limit", "/repos/Acme/Shop", answer(403, `{"message":"API rate limit exceeded"}`, "X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "0",
			"X-RateLimit-Reset", strconv.FormatInt(clock.Add(10*time.Minute).Unix(), 10)), "rate budget is spent", 10 * time.Minute, false},
		{"server error", "/deployments", answer(500, "oops"), "deployments of Acme/Shop", 0, true},
		{"cut short", "/actions/runs", answer(200, `{"workflow_runs":[{"id":1,`), "runs of Acme/Shop", 0, true},
		{"not JSON", "/issues", answer(200, `<html>`), "issues of Acme/Shop", 0, true},
		{"issues turned off", "/issues", answer(410, `{"message":"Issues are disabled"}`), "", 0, true},
		{"empty repository", "/commits", answer(409, `{"message":"Git Repository is empty."}`), "", 0, true},
		{"no permission", "/actions/runs", answer(403, `{"message":"Resource not accessible by integration"}`), "", 0, true},
		{"unknown repository", "/repos/Acme/Shop", answer(404, `{"message":"Not Found"}`), "repos/Acme/Shop", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeGitHub(t)
			f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, tt.path) && !strings.Contains(r.URL.Path, "/pulls/") {
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
			if got := len(count(p.Events())) >= 4; got != tt.others {
				t.Errorf("others are read: %v, want %v (%v)", got, tt.others, count(p.Events()))
			}
			// When the trouble is over, nothing is missing.
			f.change(func() { f.trouble = nil })
			if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"pull_request": 105, "pull_request_review": 11, "commit": 123, "deployment": 3, "workflow_run": 3, "issues": 1}
			if d := cmp.Diff(want, count(p.Events())); d != "" {
				t.Errorf("after the trouble (-want +got):\n%s", d)
			}
		})
	}
}

func TestUnreadableObjectsAreKept(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	f.lists["actions/runs"][1] = object{"id": "not a number", "created_at": at(2 * time.Hour)}
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, f.source(t, nil), nil, &p); err != nil {
		t.Fatal(err)
	}
	dead := 0
	for _, ev := range p.Events() {
		if _, err := f.source(t, nil).Normalize(ev); err != nil {
			dead++
		}
	}
	if dead != 1 || count(p.Events())["workflow_run"] != 3 {
		t.Errorf("%d dead letters of %v, want one of three runs", dead, count(p.Events()))
	}
}

// TestBackfillLeavesBudget: with little of the limit left, what is known to be
// live is read and the backfill waits.
func TestBackfillLeavesBudget(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	f.header.Set("X-RateLimit-Limit", "5000")
	f.header.Set("X-RateLimit-Remaining", "1000")
	f.header.Set("X-RateLimit-Reset", strconv.FormatInt(clock.Add(time.Hour).Unix(), 10))
	live := collectors.Cursor(`{"repositories":{"Acme/Shop":{"issues":{"live":true,"until":"` + at(48*time.Hour) + `"}}}}`)
	var p collectortest.Publisher
	cursor, err := f.source(t, nil).Poll(t.Context(), live, p.Publish)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]int{"issues": 1}, count(p.Events())); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	f.change(func() { f.header.Set("X-RateLimit-Remaining", "4000") })
	if _, err := collectortest.CatchUp(t, f.source(t, nil), cursor, &p); err != nil {
		t.Fatal(err)
	}
	if n := count(p.Events())["pull_request"]; n != 105 {
		t.Errorf("%d requests once there is budget again", n)
	}
}

func TestOrganisation(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	var p collectortest.Publisher
	s := f.source(t, func(c *github.Config) { c.Organisations, c.Repositories = []string{"Acme"}, []string{"Acme/Shop"} })
	cursor, err := collectortest.CatchUp(t, s, nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Repositories map[string]any }
	if err := json.Unmarshal(cursor, &c); err != nil || len(c.Repositories) != 1 || c.Repositories["Acme/Shop"] == nil {
		t.Errorf("repositories %v, want one without archived ones and forks (%v)", c.Repositories, err)
	}
}

func TestApp(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	f := newFakeGitHub(t)
	s := f.source(t, func(c *github.Config) {
		c.Token, c.App = "", github.App{ID: 1, InstallationID: 2, PrivateKey: secret.String(pemKey)}
	})
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, s, nil, &p); err != nil {
		t.Fatal(err)
	}
	if !f.auth["token of-the-app"] || count(p.Events())["pull_request"] != 105 {
		t.Errorf("requests are not made as the App: %v", count(p.Events()))
	}
}

// TestNoAnswer: a request that is never answered is a problem of its resource,
// not the end of the poll.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
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
	if err == nil || !strings.Contains(err.Error(), "no answer within") || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if got := count(p.Events()); got["issues"] != 1 || got["deployment"] != 0 {
		t.Errorf("events %v, want all but deployments", got)
	}
}

func TestWithoutRepositoriesNothingIsPolled(t *testing.T) {
	t.Parallel()
	s := webhookSource(t)
	if s.Interval() != 0 {
		t.Errorf("interval %s", s.Interval())
	}
	if c, err := s.Poll(t.Context(), collectors.Cursor("x"), (&collectortest.Publisher{}).Publish); err != nil || string(c) != "x" {
		t.Errorf("Poll: %s, %v", c, err)
	}
}

func TestBrokenCursor(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	if _, err := f.source(t, nil).Poll(t.Context(), collectors.Cursor("{"), (&collectortest.Publisher{}).Publish); err == nil {
		t.Error("a cursor that cannot be read is no error")
	}
}
