package github

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gcmp "github.com/google/go-cmp/cmp"
	gh "github.com/google/go-github/v60/github"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

// outcome is what became of a scenario.
type outcome struct {
	// Answers counts what the client made of them.
	Answers map[string]int `json:"answers"`
	// Read counts the objects that the structs of this package lose nothing of.
	Read map[string]int `json:"read,omitempty"`
	// Polled are the events of a poll of the scenario's repository, by their facts.
	Polled map[string]int `json:"polled,omitempty"`
	// Unread says why nothing in it concerns this source.
	Unread string `json:"unread,omitempty"`
}

// unread says of scenarios why nothing in them concerns this source beyond that its
// client takes the answers. What makes the repository stands in the raw recordings alone,
// so that the same scenario can be read there.
func unread() map[string]string {
	return map[string]string{
		"branch-protection":          "how branches are protected is not asked for",
		"create-file":                "a file that is written; Headway only reads",
		"create-status":              "statuses of commits; runs and deployments are read instead",
		"errors":                     "a label that is refused, which the client tells",
		"get-archive":                "a file from another host, which is not shown the token",
		"get-content":                "a folder and a raw file; CODEOWNERS is asked for as JSON",
		"get-root":                   "the addresses of the API, which are known",
		"git-refs":                   "references; commits are listed instead",
		"lock-issue":                 "answers without words",
		"mark-notifications-as-read": "an answer without words",
		"markdown":                   "HTML",
		"project-cards":              "cards of projects are not asked for",
	}
}

// TestRecorded plays what GitHub once answered, each scenario of @octokit/fixtures as it
// was recorded and as the package evens it out, to the client and the poller.
func TestRecorded(t *testing.T) {
	t.Parallel()
	root := filepath.Join(collectortest.Packages(t, "testdata/recorded", "github-recorded"), "@octokit", "fixtures", "scenarios", "api.github.com")
	folders, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	got, totals, exchanges := map[string]outcome{}, map[string]int{}, 0
	for _, folder := range folders {
		for _, kind := range []string{"raw", "normalized"} {
			name := folder.Name() + " " + kind
			b, err := os.ReadFile(filepath.Join(root, folder.Name(), kind+"-fixture.json"))
			if err != nil {
				t.Fatal(err)
			}
			o := play(t, name, b)
			if o.Read == nil && o.Polled == nil {
				if o.Unread = unread()[folder.Name()]; o.Unread == "" {
					t.Errorf("%s: nothing of it is read, and nobody says why", name)
				}
			}
			for k, n := range o.Answers {
				totals[k] += n
				exchanges += n
			}
			for k, n := range o.Read {
				totals["read "+k] += n
			}
			got[name] = o
		}
	}
	if len(got) != 44 {
		t.Errorf("%d scenarios, want 22 of each kind", len(got))
	}
	collectortest.GoldenJSON(t, "testdata/recorded/scenarios.json", got)
	t.Logf("%d scenarios, %d answers: %v", len(got), exchanges, totals)
}

func play(t *testing.T, name string, fixture []byte) outcome {
	t.Helper()
	again := func() []*exchange {
		var out []*exchange
		if err := json.Unmarshal(fixture, &out); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return out
	}
	o := outcome{Answers: map[string]int{}}
	asked := newRecorded(t, again())
	src := asked.source(t, "of/none")
	c := src.poller.client
	var repo repository
	for _, e := range asked.exchanges {
		if e.used {
			continue // A redirect led here.
		}
		if err := e.ask(t.Context(), c, asked, o.Answers); err != nil {
			t.Errorf("%s: %s %s: %v", name, e.Method, e.Path, err)
		}
	}
	if len(asked.leaked) > 0 {
		t.Errorf("%s: the token was shown to %q", name, asked.leaked)
	}
	for _, e := range asked.exchanges {
		if e.Status/100 != 2 {
			continue
		}
		kind, objects := e.objects()
		for _, raw := range objects {
			if kind == "repository" && repo.FullName == "" {
				_ = json.Unmarshal(raw, &repo) // lossless says so if it fails.
			}
			if err := lossless(src, cmp.Or(repo.HTMLURL, "https://github.com/of/none"), kind, raw); err != nil {
				t.Errorf("%s: %s %s: a %s: %v", name, e.Method, e.Path, kind, err)
			}
			if o.Read == nil {
				o.Read = map[string]int{}
			}
			o.Read[kind]++
		}
	}
	checkPages(t, name, again())
	if repo.FullName != "" {
		o.Polled = poll(t, name, again(), repo)
	}
	return o
}

// ask sends the request through the client and holds what comes of it against the answer.
func (e *exchange) ask(ctx context.Context, c *client, g *recordedGitHub, count map[string]int) error {
	path := strings.TrimPrefix(e.Path, "/")
	if e.host() != "api.github.com" {
		path = "https://" + e.host() + e.Path
	}
	var body json.RawMessage
	_, err := c.ask(ctx, strings.ToUpper(e.Method), path, "", &body)
	end := e
	if e.Status/100 == 3 {
		count["redirect followed"]++
		to := e.header().Get("Location")
		i := slices.IndexFunc(g.exchanges, func(o *exchange) bool {
			return o.used && o != e && o.Method == e.Method && "https://"+o.host()+o.Path == to
		})
		if i < 0 {
			return fmt.Errorf("the redirect to %s is not followed: %w", to, err)
		}
		end = g.exchanges[i]
	}
	refused, isRefused := errors.AsType[*gh.ErrorResponse](err)
	want := end.body()
	switch {
	case end.Status/100 == 4:
		count[fmt.Sprintf("refused %d", end.Status)]++
		var said struct{ Message string }
		if json.Unmarshal(want, &said) != nil || !isRefused || refused.Response.StatusCode != end.Status || !strings.Contains(err.Error(), said.Message) {
			return fmt.Errorf("the error does not say %d %q: %w", end.Status, said.Message, err)
		}
		if missing := end.Status == http.StatusNotFound; unavailable(err) != missing {
			return fmt.Errorf("what is not there is taken for a mistake, or the other way: %w", err)
		}
	case len(want) == 0:
		count["empty"]++
		if err != nil || body != nil {
			return fmt.Errorf("an answer without words: %q, %w", body, err)
		}
	case !json.Valid(want):
		count["no JSON"]++
		if _, bad := errors.AsType[*json.SyntaxError](err); !bad {
			return fmt.Errorf("an answer that is no JSON is taken for one: %w", err)
		}
	default:
		count["whole"]++
		if err != nil {
			return err
		}
		if d := gcmp.Diff(decoded(want), decoded(body)); d != "" {
			return errors.New("arrives otherwise:\n" + d)
		}
	}
	return nil
}

func decoded(b []byte) any {
	var v any
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	return v
}

var kinds = []struct {
	path *regexp.Regexp
	kind string
}{
	{regexp.MustCompile(`^/(?:repos/[^/]+/[^/]+|repositories/\d+|orgs/[^/]+/repos)$`), "repository"},
	{regexp.MustCompile(`/issues(?:\?.*)?$|^/search/issues\?`), "issue"},
	{regexp.MustCompile(`/labels(?:/[^/]+)?$`), "label"},
	{regexp.MustCompile(`/releases(?:/tags/[^/]+)?$`), "release"},
	{regexp.MustCompile(`/collaborators$|^/orgs/[^/]+$`), "user"},
}

// objects are those of a kind that this package has a struct for.
func (e *exchange) objects() (kind string, out []json.RawMessage) {
	for _, k := range kinds {
		if !k.path.MatchString(e.Path) || len(e.body()) == 0 {
			continue
		}
		var found struct{ Items []json.RawMessage }
		if json.Unmarshal(e.body(), &out) == nil {
			return k.kind, out
		}
		if json.Unmarshal(e.body(), &found) == nil && found.Items != nil {
			return k.kind, found.Items
		}
		return k.kind, []json.RawMessage{e.body()}
	}
	return "", nil
}

// lossless reads an object and writes it again: every field that its struct has says what
// GitHub said. Issues and releases become facts as well.
func lossless(src *Source, repo, kind string, raw json.RawMessage) error {
	v := map[string]any{"repository": &repository{}, "issue": &issue{}, "label": &labelled{}, "release": &release{}, "user": &user{}}[kind]
	if err := json.Unmarshal(raw, v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := within(kind, decoded(b), decoded(raw)); err != nil {
		return err
	}
	if kind != "issue" && kind != "release" {
		return nil
	}
	event := map[string]string{"issue": "rest.issues", "release": "release"}[kind]
	data, err := json.Marshal(map[string]any{"action": "published", "repository": map[string]string{"html_url": repo}, kind: raw})
	if err != nil {
		return err
	}
	facts, err := src.Normalize(schema.Event{ID: "1", Source: Name, Type: Name + "." + event, Time: collectortest.Time, Data: data})
	if err != nil || len(facts) != 1 {
		return fmt.Errorf("%d facts: %w", len(facts), err)
	}
	said := decoded(raw).(map[string]any)
	switch f := facts[0].(type) {
	case *schema.Ticket:
		if f.Title != said["title"] || f.Status != said["state"] || len(f.Labels) != len(said["labels"].([]any)) || !strings.HasSuffix(f.TicketID, fmt.Sprintf("#%v", said["number"])) {
			return fmt.Errorf("becomes the ticket %+v", f)
		}
	case *schema.Tag:
		if f.Name != said["tag_name"] {
			return fmt.Errorf("becomes the tag %+v", f)
		}
	default:
		return fmt.Errorf("becomes %T", f)
	}
	return nil
}

// within demands that what was read is what was said, and nothing that was not.
func within(at string, got, said any) error {
	switch got := got.(type) {
	case map[string]any:
		if len(got) == 0 {
			return fmt.Errorf("%s: nothing is read", at)
		}
		for k, v := range got {
			of, _ := said.(map[string]any)
			if err := within(at+"."+k, v, of[k]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		of, _ := said.([]any)
		if len(got) != len(of) {
			return fmt.Errorf("%s: %d of %d", at, len(got), len(of))
		}
		for i, v := range got {
			if err := within(at+"["+strconv.Itoa(i)+"]", v, of[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		if got == "" && said == nil {
			return nil
		}
	case bool:
		if !got && said == nil {
			return nil
		}
	}
	if got != said {
		return fmt.Errorf("%s is %v and was %v", at, got, said)
	}
	return nil
}

// checkPages reads every recorded list that goes on behind its first page.
func checkPages(t *testing.T, name string, exchanges []*exchange) {
	t.Helper()
	g := newRecorded(t, exchanges)
	c := g.source(t, "of/none").poller.client
	for _, e := range exchanges {
		if !strings.Contains(e.header().Get("Link"), `rel="next"`) || strings.Contains(e.Path, "&page=") {
			continue
		}
		path, _, _ := strings.Cut(strings.TrimPrefix(e.Path, "/"), "?")
		raws, err := c.all(t.Context(), path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var want []any
		for _, page := range exchanges {
			if kind, objects := page.objects(); kind == "issue" && page.reads() {
				for _, o := range objects {
					want = append(want, decoded(o))
				}
			}
		}
		got := make([]any, 0, len(raws))
		for _, raw := range raws {
			got = append(got, decoded(raw))
		}
		if d := gcmp.Diff(want, got); d != "" || len(got) != 13 {
			t.Errorf("%s: %d objects of all pages (-want +got):\n%s", name, len(got), d)
		}
	}
}

// poll reads the scenario's repository as the service does, under the name that it had
// when the scenario began.
func poll(t *testing.T, name string, exchanges []*exchange, repo repository) map[string]int {
	t.Helper()
	asked := repo.FullName
	for _, e := range exchanges {
		if e.Status == http.StatusMovedPermanently {
			asked = strings.TrimPrefix(e.Path, "/repos/")
		}
	}
	// What was made is there: recordings begin with what makes the repository.
	if !slices.ContainsFunc(exchanges, func(e *exchange) bool { return e.reads() && e.Path == "/repos/"+asked }) {
		made, err := json.Marshal(repo)
		if err != nil {
			t.Fatal(err)
		}
		exchanges = append(exchanges, &exchange{Scope: "https://api.github.com:443", Method: "get", Path: "/repos/" + asked, Status: http.StatusOK, Response: made})
	}
	src := newRecorded(t, exchanges).source(t, asked)
	var p collectortest.Publisher
	if _, err := collectortest.CatchUp(t, src, nil, &p); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out := map[string]int{}
	seen := map[string]bool{}
	for _, ev := range p.Events() {
		facts, err := src.Normalize(ev)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range facts {
			if seen[f.FactID()] {
				t.Errorf("%s: %s arrives twice", name, f.FactID())
			}
			seen[f.FactID()] = true
			key := f.Table()
			if r, ok := f.(*schema.RepoName); ok {
				key += ": " + r.Before + " is " + r.Repo
			}
			out[key]++
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
