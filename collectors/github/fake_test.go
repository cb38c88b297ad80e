package github_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/github"
)

// clock is the time of the fake GitHub.
var clock = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

type object map[string]any

// fakeGitHub is a REST API written by hand after docs.github.com: pagination by
// Link header, ETags, rate headers, and whatever trouble a test wants.
type fakeGitHub struct {
	*httptest.Server

	mu sync.Mutex
	// lists by path below /repos/acme/shop/, newest first.
	lists map[string][]object
	// others are what is found at other paths.
	others map[string]any
	// trouble answers instead, when it returns true.
	trouble func(w http.ResponseWriter, r *http.Request) bool
	header  http.Header
	// withoutGraph answers nothing at /graphql.
	withoutGraph bool
	// timeout of the requests that a source makes.
	timeout time.Duration
	// asked are the paths with their queries, and the status of the answer.
	asked []string
	auth  map[string]bool
}

func newFakeGitHub(t *testing.T) *fakeGitHub {
	t.Helper()
	f := &fakeGitHub{lists: map[string][]object{}, others: map[string]any{}, header: http.Header{}, timeout: time.Minute, auth: map[string]bool{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.fill()
	return f
}

func at(d time.Duration) string { return clock.Add(-d).Format(time.RFC3339) }

func sha(n int) string { return fmt.Sprintf("%040x", n+1) }

func restCommit(n int, age time.Duration) object {
	return object{
		"sha": sha(n), "html_url": "https://github.com/Acme/Shop/commit/" + sha(n),
		"commit": object{
			"message": fmt.Sprintf("Commit %d <&>", n), "author": object{"date": at(age + time.Hour)}, "committer": object{"date": at(age)},
		},
		"parents": []object{{"sha": sha(n + 1)}},
	}
}

// fill makes 105 pull requests, 101 commits, and a few of everything else.
func (f *fakeGitHub) fill() {
	for n := range 105 {
		age := time.Duration(n+1) * time.Hour
		q := object{
			"number": 1000 - n, "html_url": fmt.Sprintf("https://github.com/Acme/Shop/pull/%d", 1000-n), "title": "Change", "state": "open",
			"user": object{"login": "ada", "type": "User"}, "created_at": at(age + 24*time.Hour), "updated_at": at(age), "merged_at": nil,
			"head": object{"ref": "b", "sha": sha(n)}, "base": object{"ref": "main", "sha": sha(n + 1)}, "labels": []object{},
		}
		if n%10 == 0 {
			q["state"], q["merged_at"], q["closed_at"], q["merge_commit_sha"] = "closed", at(age), at(age), sha(n)
			f.lists[fmt.Sprintf("pulls/%d/commits", 1000-n)] = []object{restCommit(5000+n, age+2*time.Hour), restCommit(6000+n, age+3*time.Hour)}
			f.lists[fmt.Sprintf("pulls/%d/reviews", 1000-n)] = []object{{
				"id": n + 1, "state": "APPROVED", "submitted_at": at(age + time.Hour), "user": object{"login": "grace", "type": "User"},
			}}
		}
		f.lists["pulls"] = append(f.lists["pulls"], q)
	}
	for n := range 101 {
		f.lists["commits"] = append(f.lists["commits"], restCommit(n, time.Duration(n)*time.Hour))
	}
	for n := range 3 {
		age := time.Duration(n+1) * time.Hour
		f.lists["deployments"] = append(f.lists["deployments"], object{
			"id": 70 - n, "sha": sha(n), "ref": "main", "environment": "production", "payload": object{}, "created_at": at(age), "updated_at": at(age),
		})
		f.lists[fmt.Sprintf("deployments/%d/statuses", 70-n)] = []object{
			{"state": "success", "created_at": at(age - 5*time.Minute)}, {"state": "in_progress", "created_at": at(age)},
		}
		f.lists["actions/runs"] = append(f.lists["actions/runs"], object{
			"id": 90 - n, "name": "Test", "head_sha": sha(n), "status": "completed", "conclusion": "success", "run_attempt": 1,
			"created_at": at(age), "updated_at": at(age - time.Minute), "run_started_at": at(age),
		})
	}
	f.lists["issues"] = []object{
		{"number": 2000, "title": "Help", "state": "open", "labels": []object{{"name": "support"}}, "created_at": at(time.Hour), "updated_at": at(time.Hour)},
		{"number": 1000, "title": "Change", "state": "open", "pull_request": object{}, "created_at": at(time.Hour), "updated_at": at(time.Hour)},
	}
}

func (f *fakeGitHub) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.auth[r.Header.Get("Authorization")] = true
	note := func(status int) {
		f.asked = append(f.asked, fmt.Sprintf("%d %s", status, r.URL.RequestURI()))
	}
	maps.Copy(w.Header(), f.header)
	if f.trouble != nil && f.trouble(w, r) {
		note(0)
		return
	}
	body, next, ok := f.answer(r)
	if !ok {
		note(http.StatusNotFound)
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(body))
	w.Header().Set("ETag", etag)
	if next != "" {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s>; rel="next"`, f.URL, next))
	}
	if r.Header.Get("If-None-Match") == etag {
		note(http.StatusNotModified)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	note(http.StatusOK)
	_, _ = w.Write(body)
}

func (f *fakeGitHub) answer(r *http.Request) (body []byte, next string, ok bool) {
	repo := object{"full_name": "Acme/Shop", "html_url": "https://github.com/Acme/Shop", "default_branch": "main"}
	v, other := f.others[r.URL.Path]
	path, isRepo := strings.CutPrefix(r.URL.Path, "/repos/Acme/Shop/")
	switch {
	case other:
	case r.Method == http.MethodPost && r.URL.Path == "/app/installations/2/access_tokens":
		v = object{"token": "of-the-app", "expires_at": time.Now().Add(time.Hour).Format(time.RFC3339)}
	case r.Method == http.MethodPost && r.URL.Path == "/graphql" && !f.withoutGraph:
		v = f.graph(r)
	case r.URL.Path == "/repos/Acme/Shop":
		v = repo
	case r.URL.Path == "/orgs/Acme/repos":
		v = []object{repo, {"full_name": "Acme/Old", "html_url": "https://github.com/Acme/Old", "archived": true}, {"full_name": "Acme/Fork", "html_url": "https://github.com/Acme/Fork", "fork": true}}
	case isRepo:
		list, known := f.lists[path]
		if !known && !strings.Contains(path, "/reviews") && !strings.Contains(path, "/statuses") {
			return nil, "", false
		}
		if since := r.URL.Query().Get("since"); since != "" {
			list = slices.DeleteFunc(slices.Clone(list), func(o object) bool { return changedAt(o) < since })
		}
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from, to := min((page-1)*size, len(list)), min(page*size, len(list))
		if to < len(list) {
			q := r.URL.Query()
			q.Set("page", strconv.Itoa(page+1))
			next = r.URL.Path + "?" + q.Encode()
		}
		v = append([]object{}, list[from:to]...)
		if path == "actions/runs" {
			v = object{"total_count": len(list), "workflow_runs": v}
		}
	default:
		return nil, "", false
	}
	b, err := json.Marshal(v)
	return b, next, err == nil
}

var (
	askedPull    = regexp.MustCompile(`p\d+: pullRequest\(number: (\d+)\)`)
	askedReviews = regexp.MustCompile(`reviews\(first: (\d+)\)`)
	askedCommits = regexp.MustCompile(`commits\(first: (\d+)\)`)
)

// graph answers what is asked for of requests, from the lists of the REST API; written
// by hand after docs.github.com/graphql/reference, PullRequest.
func (f *fakeGitHub) graph(r *http.Request) object {
	var q struct {
		Query     string
		Variables struct{ Owner, Name string }
	}
	if json.NewDecoder(r.Body).Decode(&q) != nil || q.Variables.Owner+"/"+q.Variables.Name != "Acme/Shop" {
		return object{"data": object{"repository": nil}, "errors": []object{{"type": "NOT_FOUND"}}}
	}
	page := func(list []object, first []string) object {
		n, _ := strconv.Atoi(first[1])
		return object{"totalCount": len(list), "nodes": list[:min(n, len(list))]}
	}
	pulls := object{}
	places := append(askedPull.FindAllStringSubmatchIndex(q.Query, -1), []int{len(q.Query)})
	for i, at := range places[:len(places)-1] {
		number, part := q.Query[at[2]:at[3]], q.Query[at[1]:places[i+1][0]]
		var commits, reviews []object
		for _, c := range f.lists["pulls/"+number+"/commits"] {
			said := c["commit"].(object)
			commits = append(commits, object{"commit": object{
				"oid": c["sha"], "url": c["html_url"], "message": said["message"], "authoredDate": said["author"].(object)["date"],
				"committedDate": said["committer"].(object)["date"],
				"parents":       object{"totalCount": 1, "nodes": []object{{"oid": c["parents"].([]object)[0]["sha"]}}},
			}})
		}
		for _, v := range f.lists["pulls/"+number+"/reviews"] {
			by := v["user"].(object)
			reviews = append(reviews, object{
				"fullDatabaseId": fmt.Sprint(v["id"]), "url": v["html_url"], "state": v["state"], "submittedAt": v["submitted_at"],
				"author": object{"login": strings.TrimSuffix(by["login"].(string), "[bot]"), "__typename": by["type"]},
			})
		}
		p := object{"reviews": page(reviews, askedReviews.FindStringSubmatch(part))}
		if first := askedCommits.FindStringSubmatch(part); first != nil {
			p["commits"] = page(commits, first)
		}
		pulls["p"+number] = p
	}
	return object{"data": object{"repository": pulls}}
}

func changedAt(o object) string {
	if c, ok := o["commit"].(object); ok {
		return c["committer"].(object)["date"].(string)
	}
	return o["updated_at"].(string)
}

// change runs f with the lists locked, and forgets what was asked.
func (f *fakeGitHub) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = nil
	do()
}

func (f *fakeGitHub) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// source polls the fake as a new process would; change adapts its configuration.
func (f *fakeGitHub) source(t *testing.T, change func(*github.Config)) *github.Source {
	t.Helper()
	cfg := github.DefaultConfig()
	cfg.APIURL, cfg.Token, cfg.Repositories, cfg.BackfillDays = f.URL, "t0k3n", []string{"Acme/Shop"}, 30
	if change != nil {
		change(&cfg)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	s, err := github.New(cfg, collectors.Deps{
		Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{Timeout: f.timeout, Transport: transport},
	}, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	return s
}
