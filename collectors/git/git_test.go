package git

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/git/gittest"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// work is a repository that a test commits to by hand; its clock stands still
// until tick.
type work struct {
	t   *testing.T
	dir string
	now time.Time
}

func newWork(t *testing.T) *work {
	t.Helper()
	w := &work{t: t, dir: t.TempDir(), now: time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.git("init", "--quiet", "--initial-branch=main")
	return w
}

func (w *work) git(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir = w.dir
	at := w.now.Format(time.RFC3339)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@example.com",
		"GIT_AUTHOR_DATE="+at, "GIT_COMMITTER_DATE="+at)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit changes a file an hour later and returns the commit.
func (w *work) commit(message, file string) string {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	path := filepath.Join(w.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(message+w.now.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.git("add", "-A")
	w.git("commit", "--quiet", "--allow-empty-message", "-m", message)
	return w.git("rev-parse", "HEAD")
}

func (w *work) tag(args ...string) {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	w.git(append([]string{"tag"}, args...)...)
}

func newSource(t *testing.T, state string, repos ...Repository) *Source {
	t.Helper()
	s, err := New(Config{Interval: time.Minute, Repositories: repos}, collectors.Deps{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tables folds events into rows as the pipeline will: the highest version of a
// key wins, and deleted rows are gone.
type tables struct {
	commits     map[string]*schema.Commit
	tags        map[string]*schema.Tag
	deployments map[string]*schema.Deployment
	services    map[string]*schema.Service
}

func fold(t *testing.T, s collectors.Source, events []schema.Event) tables {
	t.Helper()
	all := map[string]schema.Fact{}
	versions := map[string]uint64{}
	for _, ev := range events {
		facts, err := s.Normalize(ev)
		if err != nil {
			t.Fatalf("%s: %v", ev.Type, err)
		}
		for _, f := range facts {
			if err := schema.Seal(f, 0); err != nil {
				t.Fatal(err)
			}
			k := f.Table() + " " + f.FactID()
			if v := meta(f).Version; v >= versions[k] {
				versions[k], all[k] = v, f
			}
		}
	}
	out := tables{map[string]*schema.Commit{}, map[string]*schema.Tag{}, map[string]*schema.Deployment{}, map[string]*schema.Service{}}
	for _, f := range all {
		if meta(f).Deleted == 1 {
			continue
		}
		switch f := f.(type) {
		case *schema.Commit:
			out.commits[f.SHA] = f
		case *schema.Tag:
			out.tags[f.Name] = f
		case *schema.Deployment:
			out.deployments[f.DeploymentID] = f
		case *schema.Service:
			out.services[f.ServiceID] = f
		}
	}
	return out
}

func meta(f schema.Fact) schema.Meta {
	switch f := f.(type) {
	case *schema.Commit:
		return f.Meta
	case *schema.Tag:
		return f.Meta
	case *schema.Deployment:
		return f.Meta
	case *schema.Service:
		return f.Meta
	}
	return schema.Meta{}
}

func deployed(ts tables) []string {
	var out []string
	for _, d := range ts.deployments {
		out = append(out, d.Version)
	}
	slices.Sort(out)
	return out
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, &Source{}, "testdata")
}

func TestContract(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("One", "a")
	w.commit("Two\n\nThis reverts commit 0123456789012345678901234567890123456789.", "lib/b c\n.txt")
	w.tag("-a", "-m", "x", "v1.0.0")
	n := 0
	state := t.TempDir()
	newPoller := func() collectors.Poller {
		n++
		return newSource(t, filepath.Join(state, string(rune('a'+n%20))), Repository{Name: "shop", URL: w.dir, Paths: []string{"lib"}})
	}
	events := collectortest.CheckPoller(t, newPoller)
	collectortest.Check(t, collectortest.Case{Source: newSource(t, state), Events: events})
}

func TestCommitsTagsAndService(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	one := w.commit("One\n\nBody \xff with bytes.", "a")
	two := w.commit("Fix\n\n(cherry picked from commit "+one+")", "b")
	w.git("checkout", "-q", "-b", "side", one)
	side := w.commit("", "c")
	w.git("checkout", "-q", "main")
	w.now = w.now.Add(time.Hour)
	w.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
	w.tag("-a", "-m", "first", "v1.0.0")
	w.tag("-a", "-m", "tag of a tag", "v1.0.0-nested", "v1.0.0")
	w.tag("light")
	w.tag("blob", "HEAD:a")

	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: w.dir, Tags: "v*"})
	var p collectortest.Publisher
	if _, err := s.Poll(t.Context(), nil, p.Publish); err != nil {
		t.Fatal(err)
	}
	ts := fold(t, s, p.Events())
	if len(ts.commits) != 4 || len(ts.tags) != 3 {
		t.Fatalf("%d commits and %d tags, want 4 and 3", len(ts.commits), len(ts.tags))
	}
	repo := schema.RepoID(w.dir)
	if c := ts.commits[two]; c.CherryPickedFrom != one || c.Title != "Fix" || !slices.Equal(c.Parents, []string{one}) || c.Repo != repo || c.PathsKnown != 0 {
		t.Errorf("commit two is %+v", c)
	}
	if ts.commits[side].Title != "" || !strings.HasPrefix(ts.commits[one].Title, "One") || len(ts.commits[one].Parents) != 0 {
		t.Errorf("side %+v, one %+v", ts.commits[side], ts.commits[one])
	}
	head := w.git("rev-parse", "HEAD")
	if nested := ts.tags["v1.0.0-nested"]; nested == nil || nested.Commit != head {
		t.Errorf("tag of a tag is %+v", nested)
	}
	d := ts.deployments["git:"+repo+":tag:v1.0.0"]
	if d == nil || d.Commit != head || d.ServiceRef != "shop" || d.Environment != "production" || d.Status != schema.StatusSuccess || !d.FinishedAt.Equal(w.now.Add(-3*time.Hour)) {
		t.Errorf("deployment is %+v", d)
	}
	if sv := ts.services["shop"]; sv == nil || sv.Repo != repo {
		t.Errorf("service is %+v", sv)
	}
}

func TestOnlyNewCommitsAreReadTheSecondTime(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	for range 20 {
		w.commit("Change", "a")
	}
	w.tag("v1.0.0")
	state := t.TempDir()
	s := newSource(t, state, Repository{Name: "shop", URL: w.dir})
	var first, none, second collectortest.Publisher
	cur, err := s.Poll(t.Context(), nil, first.Publish)
	if err != nil {
		t.Fatal(err)
	}
	if cur, err = s.Poll(t.Context(), cur, none.Publish); err != nil || len(none.Events()) != 0 {
		t.Fatalf("nothing is new, yet %d events (%v)", len(none.Events()), err)
	}
	fresh := w.commit("New", "a")
	// A new process with the same state directory goes on where the old stopped.
	s = newSource(t, state, Repository{Name: "shop", URL: w.dir})
	if _, err = s.Poll(t.Context(), cur, second.Publish); err != nil {
		t.Fatal(err)
	}
	if ts := fold(t, s, second.Events()); len(ts.commits) != 1 || ts.commits[fresh] == nil || len(ts.services) != 0 {
		t.Errorf("the second reading gives %d commits", len(ts.commits))
	}
}

func TestTagMadeTwice(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("One", "a")
	w.tag("v1.2.0")
	w.now = w.now.Add(72 * time.Hour)
	w.tag("-a", "-m", "again", "1.2.0")
	w.tag("-a", "-m", "other version of the same commit", "v1.3.0")
	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: w.dir})
	var p collectortest.Publisher
	if _, err := s.Poll(t.Context(), nil, p.Publish); err != nil {
		t.Fatal(err)
	}
	if got := deployed(fold(t, s, p.Events())); !slices.Equal(got, []string{"v1.2.0", "v1.3.0"}) {
		t.Errorf("releases are %v", got)
	}
}

func TestTagsMovedDeletedAndMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	one := w.commit("One", "a")
	two := w.commit("Two", "a")
	w.tag("v1", two)
	w.tag("v2", two)
	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: w.dir})
	var p collectortest.Publisher
	var cur collectors.Cursor
	poll := func() tables {
		t.Helper()
		var err error
		if cur, err = s.Poll(t.Context(), cur, p.Publish); err != nil {
			t.Fatal(err)
		}
		return fold(t, s, p.Events())
	}
	poll()
	w.tag("-f", "v1", one)
	w.git("tag", "-d", "v2")
	ts := poll()
	if ts.tags["v1"].Commit != one || ts.tags["v2"] != nil || !slices.Equal(deployed(ts), []string{"v1"}) {
		t.Errorf("after moving v1 back and deleting v2: %+v, releases %v", ts.tags, deployed(ts))
	}
	for _, d := range ts.deployments {
		if d.Commit != one {
			t.Errorf("the moved release is of commit %s", d.Commit)
		}
	}
	w.git("tag", "v2", two)
	if ts = poll(); ts.tags["v2"] == nil || !slices.Equal(deployed(ts), []string{"v1", "v2"}) {
		t.Errorf("after making v2 again: releases %v", deployed(ts))
	}
}

func TestForcedPush(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("One", "a")
	w.commit("Two", "a")
	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: w.dir})
	var p collectortest.Publisher
	cur, err := s.Poll(t.Context(), nil, p.Publish)
	if err != nil {
		t.Fatal(err)
	}
	w.git("reset", "-q", "--hard", "HEAD~1")
	other := w.commit("Other two", "a")
	if _, err := s.Poll(t.Context(), cur, p.Publish); err != nil {
		t.Fatal(err)
	}
	if ts := fold(t, s, p.Events()); ts.commits[other] == nil || len(ts.commits) != 3 {
		t.Errorf("%d commits, want 3", len(ts.commits))
	}
}

func TestPrereleasesAndGlobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tag, glob string
		pre       bool
		want      bool
	}{
		{"v1.2.3", "", false, true},
		{"1.2", "", false, true},
		{"release-7", "", false, true},
		{"2024-01-15", "", false, true},
		{"v1.2.3-4", "", false, true},
		{"v1.2.3+build5", "", false, true},
		{"v1.2.3-rc1", "", false, false},
		{"v1.2.3-rc1", "", true, true},
		{"1.2b3", "", false, false},
		{"v2.0.0-beta.2", "v*", false, false},
		{"v2.0.0-SNAPSHOT", "v*", false, false},
		{"v1.2.3", NoReleases, true, false},
		{"latest", "", false, false},
		{"3d-engine", "", false, false},
		{"shop/v1.0.0", "", false, false},
		{"shop/v1.0.0", "shop/v*", false, true},
		{"v1.2.3", "release-*", false, false},
	} {
		if got := IsRelease(c.tag, c.glob, c.pre); got != c.want {
			t.Errorf("IsRelease(%q, %q, %v) = %v", c.tag, c.glob, c.pre, got)
		}
	}
}

func TestMonorepoPaths(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("One", "shop/a\nb")
	odd := w.commit("Two", "\x01web/ü")
	w.git("checkout", "-q", "-b", "side", "HEAD~1")
	w.commit("Side", "web/side")
	w.git("checkout", "-q", "main")
	w.git("merge", "-q", "--no-ff", "-m", "Merge", "side")
	w.git("commit", "-q", "--allow-empty", "-m", "Empty")
	w.tag("v1")
	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: w.dir, Paths: []string{"shop"}}, Repository{Name: "web", URL: w.dir, Paths: []string{"web"}})
	var p collectortest.Publisher
	if _, err := s.Poll(t.Context(), nil, p.Publish); err != nil {
		t.Fatal(err)
	}
	ts := fold(t, s, p.Events())
	if got := ts.commits[odd]; !slices.Equal(got.Paths, []string{"\x01web/ü"}) || got.PathsKnown != 1 {
		t.Errorf("paths %q", got.Paths)
	}
	merge := ts.commits[w.git("rev-parse", "HEAD~1")]
	if !slices.Equal(merge.Paths, []string{"web/side"}) {
		t.Errorf("the merge has paths %q", merge.Paths)
	}
	if empty := ts.commits[w.git("rev-parse", "HEAD")]; empty.PathsKnown != 1 || len(empty.Paths) != 0 {
		t.Errorf("the empty commit has paths %q", empty.Paths)
	}
	if root := ts.commits[merge.Parents[0]]; !slices.Equal(ts.commits[root.Parents[0]].Paths, []string{"shop/a\nb"}) {
		t.Errorf("the root has paths %q", ts.commits[root.Parents[0]].Paths)
	}
	if len(ts.deployments) != 2 || !slices.Equal(ts.services["web"].Paths, []string{"web"}) {
		t.Errorf("%d deployments of two services", len(ts.deployments))
	}
}

func TestRepositoryNoLongerConfigured(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("One", "a")
	w.tag("v1")
	state := t.TempDir()
	s := newSource(t, state, Repository{Name: "shop", URL: w.dir})
	var p collectortest.Publisher
	cur, err := s.Poll(t.Context(), nil, p.Publish)
	if err != nil {
		t.Fatal(err)
	}
	renamed := newSource(t, state, Repository{Name: "store", URL: w.dir})
	if cur, err = renamed.Poll(t.Context(), cur, p.Publish); err != nil {
		t.Fatal(err)
	}
	ts := fold(t, s, p.Events())
	if ts.services["shop"] != nil || ts.services["store"] == nil || len(ts.deployments) != 1 {
		t.Fatalf("after renaming: services %v, %d deployments", ts.services, len(ts.deployments))
	}
	for _, d := range ts.deployments {
		if d.ServiceRef != "store" {
			t.Errorf("deployment of %q", d.ServiceRef)
		}
	}
	if _, err = newSource(t, state).Poll(t.Context(), cur, p.Publish); err != nil {
		t.Fatal(err)
	}
	if ts = fold(t, s, p.Events()); len(ts.services)+len(ts.deployments) != 0 || len(ts.commits) != 1 {
		t.Errorf("after removing: %+v", ts)
	}
}

func TestEmptyAndMissingRepository(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	good := newWork(t)
	good.commit("One", "a")
	s := newSource(t, t.TempDir(), Repository{Name: "empty", URL: w.dir}, Repository{Name: "gone", URL: filepath.Join(w.dir, "gone")}, Repository{Name: "good", URL: good.dir})
	var p collectortest.Publisher
	cur, err := s.Poll(t.Context(), nil, p.Publish)
	if err == nil || !strings.Contains(err.Error(), "gone") || strings.Contains(err.Error(), "empty:") {
		t.Errorf("error is %v", err)
	}
	if ts := fold(t, s, p.Events()); len(ts.commits) != 1 || ts.services["empty"] == nil {
		t.Errorf("one bad repository keeps the others back: %+v", ts)
	}
	w.commit("First", "a")
	if _, err := s.Poll(t.Context(), cur, p.Publish); err == nil {
		t.Error("the missing repository is no error any more")
	}
	if ts := fold(t, s, p.Events()); len(ts.commits) != 2 {
		t.Errorf("%d commits after the first of the empty one", len(ts.commits))
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"interval": {Config{}, "interval is 0s: give at least 1s"},
		"name":     {Config{Interval: time.Minute, Repositories: []Repository{{Name: "--x", URL: "/r"}}}, `repositories[0].name "--x" is no name`},
		"twice":    {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "/r"}, {Name: "a", URL: "/s"}}}, "repositories[1].name \"a\" is listed twice"},
		"dash":     {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "--upload-pack=touch x"}}}, "begins with a dash"},
		"ext":      {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "ext::sh -c id"}}}, "transport helper"},
		"ftp":      {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "ftp://h/r"}}}, "uses a transport that is not read"},
		"password": {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "https://u:hunter2@h/r"}}}, "take it out and set token"},
		"token":    {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "git@h:r", Token: "hunter2"}}}, "only sent over https"},
		"glob":     {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "/r", Tags: "[v"}}}, "tags \"[v\" is no glob"},
		"branch":   {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "/r", Branch: "x:y"}}}, "is no name of a branch"},
		"same":     {Config{Interval: time.Minute, Repositories: []Repository{{Name: "a", URL: "/r"}, {Name: "b", URL: "/r"}}}, "give both of them paths"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(c.cfg, collectors.Deps{StateDir: t.TempDir()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestErrorsWhenPublishing(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("One", "a")
	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: w.dir})
	p := collectortest.Publisher{Fail: func() error { return errors.New("broker is away") }}
	cur, err := s.Poll(t.Context(), nil, p.Publish)
	if err == nil {
		t.Fatal("no error")
	}
	var ok collectortest.Publisher
	if _, err := s.Poll(t.Context(), cur, ok.Publish); err != nil || len(fold(t, s, ok.Events()).commits) != 1 {
		t.Errorf("the commit is lost (%v)", err)
	}
}

func TestWebAddresses(t *testing.T) {
	t.Parallel()
	for repo, want := range map[string][2]string{
		"github.com/acme/shop":    {"https://github.com/acme/shop/commit/abc", "https://github.com/acme/shop/releases/tag/v1"},
		"gitlab.acme.io/a/b":      {"https://gitlab.acme.io/a/b/-/commit/abc", "https://gitlab.acme.io/a/b/-/tags/v1"},
		"bitbucket.org/a/b":       {"https://bitbucket.org/a/b/commits/abc", "https://bitbucket.org/a/b/src/v1"},
		"/home/ada/shop":          {"", ""},
		"git.example.com/a":       {"", ""},
		`github.com/"><script>/a`: {"", ""},
	} {
		if got := [2]string{WebCommit(repo, "abc"), WebTag(repo, "v1")}; got != want {
			t.Errorf("%s: %q, want %q", repo, got, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	sha := strings.Repeat("ab", 20)
	f.Add("git.commits", []byte("{\"repo\":\"r\",\"paths\":true}\n\x00"+sha+"\x00\x001\x002\x00T\x00\na\x00b\x00"))
	f.Add("git.commits", []byte("{\"repo\":\"r\"}\n\x00"+sha+"\x00"+sha+"\x00-1\x002\x00\x00\x00"))
	f.Add("git.tags", []byte(`{"repo":"r","tags":[{"name":"v1","commit":"`+sha+`","at":"2025-01-01T00:00:00Z","releases":[{"id":"x","service":"s"}]}]}`))
	f.Add("git.service", []byte(`{"repo":"r","name":"s"}`))
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		ev := schema.Event{ID: "1", Source: Name, Type: typ, Time: time.Unix(1, 0), Data: data}
		facts, err := (*Source)(nil).Normalize(ev)
		if err != nil {
			return
		}
		for _, fact := range facts {
			if err := schema.Seal(fact, 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"repos":{"r":{"tags":"AAEA"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeCursor(b)
		if err != nil {
			return
		}
		if _, err := encodeCursor(c); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCursorKeepsTags(t *testing.T) {
	t.Parallel()
	in := cursor{Repos: map[string]repoState{"r": {Seq: 3, Tags: tagStates{"v1": {hash: "abc"}, "v2": {hash: "def", releases: []string{"git:r:tag:v2", "x"}}}}}}
	b, err := encodeCursor(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decodeCursor(b)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Repos["r"].Tags; len(got) != 2 || !slices.Equal(got["v2"].releases, in.Repos["r"].Tags["v2"].releases) || got["v1"].hash != "abc" || len(got["v1"].releases) != 0 {
		t.Errorf("tags are %+v", got)
	}
}

func TestGeneratedRepositoryAgainstOracle(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r.git")
	repo, err := gittest.Generate(t.Context(), dir, gittest.Shape{Seed: 7, Commits: 3000, TagEvery: 60})
	if err != nil {
		t.Fatal(err)
	}
	for what, n := range map[string]int{"merges": repo.Merges, "squashes": repo.Squashes, "cherry-picks": repo.CherryPicks, "reverts": repo.Reverts, "tags made twice": repo.TwiceTagged, "pre-releases": repo.Prereleases, "negative leads": repo.NegativeLeads} {
		if n == 0 {
			t.Errorf("the generated repository has no %s", what)
		}
	}
	want, err := gittest.Oracle(t.Context(), dir, "v*", "[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t, t.TempDir(), Repository{Name: "shop", URL: dir})
	var p collectortest.Publisher
	if _, err := s.Poll(t.Context(), nil, p.Publish); err != nil {
		t.Fatal(err)
	}
	ts := fold(t, s, p.Events())
	if len(ts.deployments) != len(want) {
		t.Errorf("%d releases, the oracle says %d", len(ts.deployments), len(want))
	}
	released := map[string]bool{}
	for _, r := range want {
		d := ts.deployments["git:"+dir[:len(dir)-4]+":tag:"+r.Tag]
		if d == nil || d.Commit != r.Commit || !d.FinishedAt.Equal(r.At) {
			t.Errorf("release %s: %+v", r.Tag, d)
			continue
		}
		// The facts alone must lead to the same changes.
		var got []string
		for _, c := range reach(ts, d.Commit, released) {
			if len(c.Parents) < 2 {
				got = append(got, c.SHA)
			}
		}
		slices.Sort(got)
		var shas []string
		for _, c := range r.Changes {
			shas = append(shas, c.SHA)
			if !ts.commits[c.SHA].AuthoredAt.Equal(c.AuthoredAt) || ts.commits[c.SHA].CherryPickedFrom != c.Original {
				t.Errorf("commit %s differs", c.SHA)
			}
		}
		if !slices.Equal(got, shas) {
			t.Errorf("release %s has %d changes, the oracle says %d", r.Tag, len(got), len(shas))
		}
	}
}

// reach walks to the commits not seen before.
func reach(ts tables, from string, seen map[string]bool) []*schema.Commit {
	var out []*schema.Commit
	todo := []string{from}
	for len(todo) > 0 {
		sha := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[sha] {
			continue
		}
		seen[sha] = true
		c := ts.commits[sha]
		out = append(out, c)
		todo = append(todo, c.Parents...)
	}
	return out
}

func TestFiftyThousandCommits(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "big.git")
	repo, err := gittest.Generate(t.Context(), dir, gittest.Shape{Seed: 1, Commits: 50_000, TagEvery: 250})
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(t, t.TempDir(), Repository{Name: "big", URL: dir})
	var p collectortest.Publisher
	began := time.Now()
	if _, err := s.Poll(t.Context(), nil, p.Publish); err != nil {
		t.Fatal(err)
	}
	read := time.Since(began)
	n := 0
	for _, ev := range p.Events() {
		facts, err := s.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			if f.Table() == "commits" {
				n++
			}
		}
	}
	t.Logf("%d commits, %d tags in %d events: read in %s, normalised in %s", repo.Commits, repo.Tags, len(p.Events()), read, time.Since(began)-read)
	if n != repo.Commits {
		t.Errorf("%d commits, %d were generated", n, repo.Commits)
	}
	if read > 30*time.Second {
		t.Errorf("reading took %s", read)
	}
}
