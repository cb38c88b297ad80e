package gitlab_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/gitlab"
)

// clock is the time of the fake GitLab.
var clock = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

type object map[string]any

// fakeGitLab is a REST API written by hand after docs.gitlab.com: pages by number
// and by key through the Link header, ETags, rate headers, and whatever trouble a
// test wants.
type fakeGitLab struct {
	*httptest.Server

	mu sync.Mutex
	// lists by path below /api/v4/projects/7/; those with updated_at are kept sorted.
	lists map[string][]object
	// trouble answers instead, when it returns true.
	trouble func(w http.ResponseWriter, r *http.Request) bool
	header  http.Header
	scopes  []string
	// others are what is found at other paths below /api/v4.
	others map[string]any
	// timeout of the requests that a source makes.
	timeout time.Duration
	// asked are the paths with their queries, and the status of the answer.
	asked []string
	auth  map[string]bool
}

func newFakeGitLab(t *testing.T) *fakeGitLab {
	t.Helper()
	f := &fakeGitLab{
		lists: map[string][]object{}, header: http.Header{}, timeout: time.Minute, auth: map[string]bool{}, scopes: []string{"read_api"},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.fill()
	return f
}

const forms = "2006-01-02T15:04:05.000Z"

func at(d time.Duration) string { return clock.Add(-d).Format(forms) }

func sha(n int) string { return fmt.Sprintf("%040x", n+1) }

func restCommit(n int, age time.Duration) object {
	return object{
		"id": sha(n), "web_url": "https://gitlab.example.com/Acme/Shop/-/commit/" + sha(n), "message": fmt.Sprintf("Commit %d <&>", n),
		"authored_date": at(age + time.Hour), "committed_date": at(age), "parent_ids": []string{sha(n + 1)},
	}
}

func user(id int, name string) object { return object{"id": id, "username": name} }

// fill makes 135 merge requests, of which 105 changed at one instant, 120 commits,
// 120 tags, and a few of everything else.
func (f *fakeGitLab) fill() {
	for n := range 135 {
		age := 48 * time.Hour
		if n >= 105 {
			age = time.Duration(n) * time.Minute
		}
		iid := n + 1
		m := object{
			"id": 5000 + n, "iid": iid, "web_url": fmt.Sprintf("https://gitlab.example.com/Acme/Shop/-/merge_requests/%d", iid), "title": "Change",
			"state": "opened", "author": user(51, "ada"), "created_at": at(age + 24*time.Hour), "updated_at": at(age), "merged_at": nil,
			"source_branch": "b", "target_branch": "main", "source_project_id": 7, "target_project_id": 7, "sha": sha(n), "labels": []string{"bug"},
			"merge_commit_sha": nil, "squash_commit_sha": nil,
		}
		if n%50 == 0 {
			m["state"], m["merged_at"], m["squash_commit_sha"] = "merged", at(age), sha(n)
			path := fmt.Sprintf("merge_requests/%d/", iid)
			f.lists[path+"commits"] = []object{restCommit(9000+n, age+2*time.Hour), restCommit(9500+n, age+3*time.Hour)}
			f.lists[path+"notes"] = []object{
				{"id": 100 + n, "system": false, "body": "approved this merge request", "author": user(53, "eve"), "created_at": at(age + 2*time.Hour)},
				{"id": 300 + n, "system": true, "body": "approved this merge request", "author": user(52, "grace"), "created_at": at(age + time.Hour)},
				{"id": 600 + n, "system": true, "body": "approved this merge request", "author": user(51, "ada"), "created_at": at(age + time.Hour)},
			}
		}
		f.lists["merge_requests"] = append(f.lists["merge_requests"], m)
	}
	for n := range 120 {
		f.lists["repository/commits"] = append(f.lists["repository/commits"], restCommit(n, time.Duration(n)*time.Hour))
		tag := object{"name": fmt.Sprintf("v1.%d.0", 120-n), "target": sha(n), "commit": restCommit(n, time.Duration(n)*time.Hour), "created_at": nil}
		f.lists["repository/tags"] = append(f.lists["repository/tags"], tag)
	}
	for n := range 3 {
		age := time.Duration(n+1) * time.Hour
		f.lists["deployments"] = append(f.lists["deployments"], object{
			"id": 70 - n, "iid": 3 - n, "ref": "main", "sha": sha(n), "status": "success", "created_at": at(age), "updated_at": at(age - 5*time.Minute),
			"environment": object{"id": 9, "name": "live-eu"},
			"deployable":  object{"id": 800 + n, "status": "success", "tag": false, "started_at": at(age), "finished_at": at(age - 5*time.Minute)},
		})
		f.lists["pipelines"] = append(f.lists["pipelines"], object{
			"id": 90 - n, "ref": "main", "sha": sha(n), "status": "success", "source": "push", "created_at": at(age), "updated_at": at(age - time.Minute),
		})
	}
	issue := func(iid int, kind string, labels ...string) object {
		return object{
			"id": 3000 + iid, "iid": iid, "title": "Help", "state": "closed", "issue_type": kind, "severity": "HIGH", "labels": labels,
			"created_at": at(5 * time.Hour), "updated_at": at(time.Hour), "closed_at": at(2 * time.Hour), "web_url": "https://gitlab.example.com/Acme/Shop/-/issues/1",
		}
	}
	f.lists["issues"] = []object{issue(1, "issue", "support"), issue(2, "incident")}
	f.lists["issues/2/resource_state_events"] = []object{
		{"id": 1, "state": "closed", "created_at": at(4 * time.Hour)},
		{"id": 2, "state": "reopened", "created_at": at(3 * time.Hour)},
		{"id": 3, "state": "closed", "created_at": at(2 * time.Hour)},
	}
}

// counts are the events of a whole backfill.
func counts() map[string]int {
	// Of each merged request the approval of another and, to be ignored, the author's own.
	return map[string]int{"merge_request": 135, "approval": 6, "commit": 120, "tag": 120, "deployment": 3, "pipeline": 3, "issue": 2}
}

func (f *fakeGitLab) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.auth[r.Header.Get("Authorization")+r.Header.Get("Private-Token")] = true
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
		http.Error(w, `{"message":"404 Not found"}`, http.StatusNotFound)
		return
	}
	etag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(body))
	w.Header().Set("ETag", etag)
	if next != "" {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s>; rel="next", <%s%s>; rel="first"`, f.URL, next, f.URL, r.URL.Path))
	}
	if r.Header.Get("If-None-Match") == etag {
		note(http.StatusNotModified)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	note(http.StatusOK)
	_, _ = w.Write(body)
}

func (f *fakeGitLab) answer(r *http.Request) (body []byte, next string, ok bool) {
	shop := object{"id": 7, "web_url": "https://gitlab.example.com/Acme/Shop", "path_with_namespace": "Acme/Shop", "default_branch": "main"}
	v, other := f.others[strings.TrimPrefix(r.URL.EscapedPath(), "/api/v4")]
	path, inShop := strings.CutPrefix(r.URL.Path, "/api/v4/projects/7/")
	switch {
	case other:
	case r.URL.Path == "/api/v4/personal_access_tokens/self":
		v = object{"id": 1, "active": true, "scopes": f.scopes}
	case r.URL.Path == "/api/v4/projects/Acme/Shop":
		v = shop
	case r.URL.Path == "/api/v4/groups/Acme/projects":
		old, fork := maps.Clone(shop), maps.Clone(shop)
		old["id"], old["archived"] = 8, true
		fork["id"], fork["forked_from_project"] = 9, object{"id": 1}
		v = []object{old, shop, fork}
	case path == "environments/9":
		v = object{"id": 9, "name": "live-eu", "tier": "production"}
	case inShop:
		list, known := f.lists[path]
		if !known && !strings.HasSuffix(path, "/notes") {
			return nil, "", false
		}
		v, next = page(r, list)
	default:
		return nil, "", false
	}
	b, err := json.Marshal(v)
	return b, next, err == nil
}

// page is what a list answers: filtered, sorted, and one page of it.
func page(r *http.Request, list []object) (out []object, next string) {
	q := r.URL.Query()
	list = slices.Clone(list)
	if after := q.Get("updated_after"); after != "" {
		from, err := time.Parse(time.RFC3339Nano, after)
		if err != nil {
			return nil, ""
		}
		list = slices.DeleteFunc(list, func(o object) bool { return changedAt(o).Before(from) })
	}
	if q.Get("order_by") == "updated_at" && q.Get("sort") == "asc" {
		slices.SortStableFunc(list, func(a, b object) int { return changedAt(a).Compare(changedAt(b)) })
	}
	if since := q.Get("since"); since != "" {
		list = slices.DeleteFunc(list, func(o object) bool { return o["committed_date"].(string) < since })
	}
	size, _ := strconv.Atoi(q.Get("per_page"))
	at, more := 0, url.Values{}
	if q.Get("pagination") == "keyset" {
		if i := slices.IndexFunc(list, func(o object) bool { return o["name"] == q.Get("page_token") }); i >= 0 {
			at = i + 1
		}
	} else if n, err := strconv.Atoi(q.Get("page")); err == nil {
		at = (n - 1) * size
	}
	end := min(at+size, len(list))
	out = append([]object{}, list[min(at, len(list)):end]...)
	if end < len(list) {
		maps.Copy(more, q)
		if q.Get("pagination") == "keyset" {
			more.Set("page_token", out[len(out)-1]["name"].(string))
		} else {
			more.Set("page", strconv.Itoa(end/size+1))
		}
		next = r.URL.Path + "?" + more.Encode()
	}
	return out, next
}

func changedAt(o object) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, o["updated_at"].(string))
	return t
}

// change runs f with the lists locked, and forgets what was asked.
func (f *fakeGitLab) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = nil
	do()
}

func (f *fakeGitLab) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// source polls the fake as a new process would; change adapts its configuration.
func (f *fakeGitLab) source(t *testing.T, change func(*gitlab.Config)) *gitlab.Source {
	t.Helper()
	cfg := gitlab.DefaultConfig()
	cfg.URL, cfg.Token, cfg.Projects, cfg.BackfillDays = f.URL, "t0k3n", []string{"Acme/Shop"}, 30
	if change != nil {
		change(&cfg)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	s, err := gitlab.New(cfg, collectors.Deps{
		Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{Timeout: f.timeout, Transport: transport},
	}, func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	return s
}
