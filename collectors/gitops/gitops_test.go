package gitops

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
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const full = "0123456789abcdef0123456789abcdef01234567"

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

func (w *work) write(path, content string) {
	w.t.Helper()
	path = filepath.Join(w.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// commit writes a file and commits an hour later.
func (w *work) commit(path, content string) string {
	w.t.Helper()
	w.write(path, content)
	return w.save()
}

func (w *work) save() string {
	w.t.Helper()
	w.now = w.now.Add(time.Hour)
	w.git("add", "-A")
	w.git("commit", "-q", "-m", "Change")
	return w.git("rev-parse", "HEAD")
}

func image(tag string) string { return "image:\n  repository: shop\n  tag: " + tag + "\n" }

// reader polls one source again and again and folds what it emits.
type reader struct {
	t      *testing.T
	s      *Source
	cur    collectors.Cursor
	pub    collectortest.Publisher
	dead   []string
	reason []string
}

func newReader(t *testing.T, rules ...Rule) *reader {
	t.Helper()
	return &reader{t: t, s: newSource(t, t.TempDir(), rules...)}
}

func newSource(t *testing.T, state string, rules ...Rule) *Source {
	t.Helper()
	s, err := New(Config{Interval: time.Minute, Rules: rules}, collectors.Deps{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read polls and returns "service/environment version" of every deployment.
func (r *reader) read() []string {
	r.t.Helper()
	var err error
	if r.cur, err = r.s.Poll(r.t.Context(), r.cur, r.pub.Publish); err != nil {
		r.t.Fatal(err)
	}
	r.dead, r.reason = nil, nil
	rows := map[string]*schema.Deployment{}
	for _, ev := range r.pub.Events() {
		facts, err := r.s.Normalize(ev)
		var ignored *schema.IgnoredError
		switch {
		case errors.As(err, &ignored):
			r.reason = append(r.reason, ignored.Reason)
		case err != nil:
			r.dead = append(r.dead, err.Error())
		}
		for _, f := range facts {
			d := f.(*schema.Deployment)
			if have := rows[d.DeploymentID]; have == nil || d.Meta.Version >= have.Meta.Version {
				rows[d.DeploymentID] = d
			}
		}
	}
	var out []string
	for _, d := range rows {
		if d.Deleted == 0 {
			out = append(out, d.FinishedAt.Format("15:04 ")+d.ServiceRef+"/"+d.Environment+" "+d.Version)
		}
	}
	slices.Sort(out)
	return out
}

func (r *reader) want(want ...string) {
	r.t.Helper()
	if got := r.read(); !slices.Equal(got, want) {
		r.t.Errorf("deployments are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func apps(w *work) Rule {
	return Rule{URL: w.dir, Files: "apps/{environment}/{service}.yaml", Key: "image.tag"}
}

func TestPromotions(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("README.md", "x")
	w.commit("apps/staging/shop.yaml", image("v1"))
	w.commit("apps/production/shop.yaml", image("v1"))
	w.commit("apps/production/shop.yaml", image("v1")+"replicas: 3\n")
	r := newReader(t, apps(w))
	r.want("14:00 shop/staging v1", "15:00 shop/production v1")
	w.write("apps/staging/shop.yaml", image("v2"))
	w.commit("apps/production/shop.yaml", image("v2"))
	r.want("14:00 shop/staging v1", "15:00 shop/production v1", "17:00 shop/production v2", "17:00 shop/staging v2")
	if len(r.dead) != 0 || !slices.Contains(r.reason, "version not changed") {
		t.Errorf("dead %v, ignored %v", r.dead, r.reason)
	}
	n := len(r.pub.Events())
	if r.read(); len(r.pub.Events()) != n {
		t.Error("nothing is new, yet there are events")
	}
}

func TestBrokenYAMLAtOneCommit(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("apps/prod/shop.yaml", image("v1"))
	r := newReader(t, apps(w))
	r.want("13:00 shop/prod v1")
	w.commit("apps/prod/shop.yaml", "image: [\n")
	// The last good state is remembered between two readings.
	r.want("13:00 shop/prod v1")
	if len(r.dead) != 1 || !strings.Contains(r.dead[0], "not valid YAML") {
		t.Errorf("dead letters %v", r.dead)
	}
	w.commit("apps/prod/shop.yaml", "image: {\n")
	w.commit("apps/prod/shop.yaml", image("v1"))
	w.commit("apps/prod/shop.yaml", "image: [\n")
	w.commit("apps/prod/shop.yaml", image("v2"))
	r.want("13:00 shop/prod v1", "18:00 shop/prod v2")
}

func TestFileMovedDeletedAndMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	rule := Rule{URL: w.dir, Files: "**/{environment}/{service}.yaml", Key: "image.tag"}
	w.commit("apps/prod/shop.yaml", image("v1"))
	w.git("mv", "apps", "services")
	w.save()
	r := newReader(t, rule)
	r.want("13:00 shop/prod v1")
	w.git("mv", "services/prod/shop.yaml", "services/prod/store.yaml")
	w.save()
	// Another service: its first value is its baseline.
	r.want("13:00 shop/prod v1", "15:00 store/prod v1")
	w.git("rm", "-q", "services/prod/store.yaml")
	w.save()
	r.want("13:00 shop/prod v1", "15:00 store/prod v1")
	if !slices.Contains(r.reason, "file deleted") {
		t.Errorf("ignored %v", r.reason)
	}
	w.commit("services/prod/store.yaml", image("v1"))
	r.want("13:00 shop/prod v1", "15:00 store/prod v1", "17:00 store/prod v1")
}

func TestForcedPushTakesPromotionsBack(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("apps/prod/shop.yaml", image("v1"))
	lost := w.commit("apps/prod/shop.yaml", image("v2"))
	r := newReader(t, apps(w))
	r.want("13:00 shop/prod v1", "14:00 shop/prod v2")
	w.git("reset", "-q", "--hard", "HEAD~1")
	w.commit("apps/prod/shop.yaml", image("v3"))
	r.want("13:00 shop/prod v1", "15:00 shop/prod v3")
	w.git("reset", "-q", "--hard", lost)
	r.want("13:00 shop/prod v1", "14:00 shop/prod v2")
}

func TestMergesCountWhenTheyReachTheBranch(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("apps/prod/shop.yaml", image("v1"))
	w.git("checkout", "-q", "-b", "promote")
	w.commit("apps/prod/shop.yaml", image("v2"))
	w.git("checkout", "-q", "main")
	w.now = w.now.Add(5 * time.Hour)
	w.git("merge", "-q", "--no-ff", "-m", "Merge", "promote")
	newReader(t, apps(w)).want("13:00 shop/prod v1", "19:00 shop/prod v2")
}

func TestRulesOfOneRepository(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("prod.yaml", "shop: {tag: 1.10}\nweb:\n  - x\n  - tag: \"2.0\"\n")
	shop := Rule{URL: w.dir, Files: "prod.yaml", Key: "shop.tag", Service: "shop", Environment: "production"}
	web := Rule{URL: w.dir, Files: "{environment}.yaml", Key: "web[1].tag", Service: "web", ServiceRepo: "https://github.com/Acme/{service}.git"}
	state := t.TempDir()
	r := newReader(t, shop)
	r.want("13:00 shop/production 1.10")
	// A rule that is added reads the history that is already read.
	r.s = newSource(t, state, shop, web)
	r.want("13:00 shop/production 1.10", "13:00 web/prod 2.0")
	for _, ev := range r.pub.Events() {
		facts, err := r.s.Normalize(ev)
		if err != nil || facts[1].(*schema.Deployment).Repo != "github.com/acme/web" {
			t.Errorf("%v (%v)", facts, err)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]string{
		"v1.2.3":                             {"v1.2.3", ""},
		full:                                 {full, full},
		"main-" + full:                       {"main-" + full, full},
		"main-3f2a9c1":                       {"main-3f2a9c1", "3f2a9c1"},
		"v1.2-5-g3f2a9c1b":                   {"v1.2-5-g3f2a9c1b", "3f2a9c1b"},
		"main-20240115":                      {"main-20240115", ""},
		"v1.2.3-feedback":                    {"v1.2.3-feedback", ""},
		"1.0.deadbeef":                       {"1.0.deadbeef", ""},
		"registry.example.com:5000/shop:v1":  {"v1", ""},
		"registry.example.com:5000/shop":     {"registry.example.com:5000/shop", ""},
		"acme/shop:" + full + "@sha256:abcd": {full, full},
		"shop@sha256:" + full + full[:24]:    {"sha256:" + full + full[:24], ""},
		"feature:x":                          {"feature:x", ""},
		"acme/shop:1.10@sha256:" + full[:10]: {"1.10", ""},
	} {
		if got := [2]string{ImageVersion(value), CommitOf(value)}; got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

func TestYAML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in, key, want string
	}{
		{"number as written", "tag: 1.10", "tag", "1.10"},
		{"leading zero", "tag: 007", "tag", "007"},
		{"date", "tag: 2024-01-15", "tag", "2024-01-15"},
		{"quoted", `tag: "1.2"`, "tag", "1.2"},
		{"exponent", "tag: 1e3", "tag", "1e3"},
		{"flow", "image: {tag: v1}", "image.tag", "v1"},
		{"second document", "a: 1\n---\nimage:\n  tag: v2\n", "image.tag", "v2"},
		{"list", "images:\n- name: a\n  newTag: v1\n- newTag: v2\n", "images[1].newTag", "v2"},
		{"list of lists", "a: [[1, 2], [3, 4]]", "a[1][0]", "3"},
		{"anchor", "base: &b {tag: v1}\nprod: *b\n", "prod.tag", "v1"},
		{"merge", "base: &b\n  tag: v1\nprod:\n  <<: *b\n  x: 1\n", "prod.tag", "v1"},
		{"merge overridden", "base: &b\n  tag: v1\nprod:\n  <<: *b\n  tag: v2\n", "prod.tag", "v2"},
		{"tagged", "tag: !!str 1.10", "tag", "1.10"},
		{"literal", "tag: |\n  v1\n", "tag", "v1"},
		{"comment", "tag: v1 # {\"$imagepolicy\": \"flux-system:app:tag\"}\n", "tag", "v1"},
		{"missing", "image: {}", "image.tag", ""},
		{"null", "tag: null", "tag", ""},
		{"mapping", "tag: {a: b}", "tag", ""},
		{"index past the end", "a: [1]", "a[3]", ""},
		{"empty", "", "a", ""},
		{"self reference", "a: &x [*x]", "a[0][0].b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			key, err := compileKey(c.key)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parseYAML([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := f.value(key); got != c.want {
				t.Errorf("value is %q, want %q", got, c.want)
			}
		})
	}
}

func TestHostileYAML(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"template":    "image:\n  tag: {{ .Values.tag }}\n x: y\n",
		"deep flow":   strings.Repeat("[", 100_000),
		"deep indent": strings.Repeat("- ", 100_000) + "x",
		"binary":      "\xff\xfe\x00",
	} {
		began := time.Now()
		if _, err := parseYAML([]byte(in)); err == nil {
			t.Errorf("%s is accepted", name)
		}
		if time.Since(began) > 5*time.Second {
			t.Errorf("%s takes %s", name, time.Since(began))
		}
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule Rule
		want string
	}{
		"url":         {Rule{Files: "{environment}/{service}.yaml", Key: "a"}, "rules[0].url is empty"},
		"files":       {Rule{URL: "/r", Key: "a"}, `rules[0].files is empty: write for example`},
		"escape":      {Rule{URL: "/r", Files: "../{service}.yaml", Key: "a"}, "must begin at the root"},
		"twice":       {Rule{URL: "/r", Files: "{a}/{a}.yaml", Key: "a"}, "names {a} twice"},
		"key":         {Rule{URL: "/r", Files: "{environment}/{service}.yaml", Key: "a..b"}, `rules[0].key "a..b" is no path of keys`},
		"environment": {Rule{URL: "/r", Files: "{service}.yaml", Key: "a"}, "put {environment} into files"},
		"service":     {Rule{URL: "/r", Files: "{environment}.yaml", Key: "a"}, "put {service} into files"},
		"repo":        {Rule{URL: "/r", Files: "{environment}/{service}.yaml", Key: "a", ServiceRepo: "{team}/x"}, "uses {team}, which files does not name"},
		"token":       {Rule{URL: "/r", Token: "hunter2", Files: "{environment}/{service}.yaml", Key: "a"}, "only sent over https"},
	} {
		err := Config{Interval: time.Minute, Rules: []Rule{c.rule}}.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	s := newSource(t, t.TempDir(), Rule{URL: "https://github.com/Acme/config.git", Files: "apps/{environment}/{service}.yaml", Key: "image.tag", ServiceRepo: "github.com/acme/{service}"})
	collectortest.Golden(t, s, "testdata")
}

func TestContract(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.commit("apps/prod/shop.yaml", image("v1"))
	w.commit("apps/prod/shop.yaml", "image: [\n")
	w.commit("apps/prod/shop.yaml", image(full))
	w.commit("apps/prod/web.yaml", strings.Repeat("#", maxFile+1))
	events := collectortest.CheckPoller(t, func() collectors.Poller { return newSource(t, t.TempDir(), apps(w)) })
	collectortest.Check(t, collectortest.Case{Source: newSource(t, t.TempDir(), apps(w)), Events: events})
}

func FuzzYAML(f *testing.F) {
	f.Add(image("v1"), "image.tag")
	f.Add("a: &b [1]\nc: *b\n<<: *b", "c[0]")
	f.Add("--- !x\n? a\n: b\n...", "a")
	f.Fuzz(func(t *testing.T, in, key string) {
		path, err := compileKey(key)
		if err != nil {
			return
		}
		file, err := parseYAML([]byte(in))
		if err != nil {
			return
		}
		file.value(path)
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("apps/{environment}/**/{service}.yaml", "apps/a/b/c/d.yaml")
	f.Fuzz(func(_ *testing.T, pattern, path string) {
		if p, err := compilePattern(pattern); err == nil {
			p.match(path)
		}
	})
}
