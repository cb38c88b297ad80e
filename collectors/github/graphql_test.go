package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors/collectortest"
)

// read is everything of the fake as a new process reads it: the facts by the event's
// id, and how many requests it took.
func read(t *testing.T, f *fakeGitHub) (facts map[string]string, asked []string) {
	t.Helper()
	f.change(func() {})
	var p collectortest.Publisher
	s := f.source(t, nil)
	if _, err := collectortest.CatchUp(t, s, nil, &p); err != nil {
		t.Fatal(err)
	}
	facts = map[string]string{}
	for _, ev := range p.Events() {
		facts[ev.ID] = string(collectortest.Describe(t, s, ev))
	}
	return facts, f.requests()
}

// TestGraphQLSaysWhatRESTSays: the same events with the same facts, for a fraction of
// the requests, also where GraphQL does not tell all.
func TestGraphQLSaysWhatRESTSays(t *testing.T) {
	t.Parallel()
	f := newFakeGitHub(t)
	f.change(func() {
		bot := object{"id": 4_000_000_000, "state": "COMMENTED", "submitted_at": at(0), "user": object{"login": "reviewer[bot]", "type": "Bot"}}
		f.lists["pulls/990/reviews"] = append(f.lists["pulls/990/reviews"], bot)
		for n := range 12 {
			f.lists["pulls/980/commits"] = append(f.lists["pulls/980/commits"], restCommit(7000+n, 0))
		}
	})
	f.withoutGraph = true
	want, slow := read(t, f)
	f.change(func() { f.withoutGraph = false })
	got, fast := read(t, f)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("facts by REST and by GraphQL differ (-REST +GraphQL):\n%s", d)
	}
	perPull := func(asked []string) int {
		n := 0
		for _, r := range asked {
			if strings.Contains(r, "/pulls/") {
				n++
			}
		}
		return n
	}
	// Only the request with more commits than GraphQL was asked for is left to REST.
	if perPull(slow) != 105+11 || perPull(fast) != 1 {
		t.Errorf("%d requests for single pull requests by REST, %d with GraphQL: %v", perPull(slow), perPull(fast), fast)
	}
}

// TestWithoutGraphQLRESTIsAsked: what GraphQL answers never ends a poll, and a server
// that refuses it is asked once.
func TestWithoutGraphQLRESTIsAsked(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(w http.ResponseWriter){
		"404": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"403": func(w http.ResponseWriter) {
			http.Error(w, `{"message":"Resource not accessible"}`, http.StatusForbidden)
		},
		"500": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"errors": func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(`{"data":null,"errors":[{"type":"RATE_LIMITED"}]}`))
		},
		"truncated": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"data":{"repository":{"p1000":`)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFakeGitHub(t)
			want, _ := read(t, f)
			f.trouble = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/graphql" {
					answer(w)
				}
				return r.URL.Path == "/graphql"
			}
			got, asked := read(t, f)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("facts differ (-with +without):\n%s", d)
			}
			graph := strings.Count(fmt.Sprint(asked), "/graphql")
			if refused := name == "404" || name == "403"; graph == 0 || refused && graph != 1 {
				t.Errorf("GraphQL was asked %d times", graph)
			}
		})
	}
}
