package github

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
)

// exchange is a request that GitHub was once sent, and its answer.
type exchange struct {
	Scope, Method, Path string
	Status              int
	Response            json.RawMessage
	RawHeaders          []string
	Headers             map[string]any
	Binary              bool `json:"responseIsBinary"`

	used bool
}

func (e *exchange) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(e.Scope, "https://"), ":443")
}

func (e *exchange) reads() bool { return strings.EqualFold(e.Method, http.MethodGet) }

// body is what GitHub wrote: text stands in a JSON string, a file in hexadecimal.
func (e *exchange) body() []byte {
	var text string
	if json.Unmarshal(e.Response, &text) != nil {
		return e.Response
	}
	if b, err := hex.DecodeString(text); e.Binary && err == nil {
		return b
	}
	return []byte(text)
}

// header is that of the answer, without what belongs to the connection of then.
func (e *exchange) header() http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(e.RawHeaders); i += 2 {
		h.Add(e.RawHeaders[i], e.RawHeaders[i+1])
	}
	for k, v := range e.Headers {
		h.Set(k, fmt.Sprint(v))
	}
	for _, k := range []string{"Connection", "Content-Length", "Content-Encoding", "Transfer-Encoding"} {
		h.Del(k)
	}
	return h
}

// inRepository is what stands before a path in a repository, by its name or its id.
var inRepository = regexp.MustCompile(`^/(?:repos/[^/]+/[^/]+|repositories/\d+)/`)

// asks reports whether a request is the recorded one; GitHub's own links name a
// repository by its id, and the size of a page is the asker's.
func (e *exchange) asks(r *http.Request) bool {
	u, err := url.Parse(e.Path)
	if err != nil || r.Host != e.host() || !strings.EqualFold(r.Method, e.Method) {
		return false
	}
	place := func(path string) string { return inRepository.ReplaceAllString(path, "repository/") }
	page := func(q url.Values) string { return cmp.Or(q.Get("page"), "1") }
	return place(u.Path) == place(r.URL.Path) && page(u.Query()) == page(r.URL.Query())
}

// recordedGitHub answers for every host of GitHub what was recorded, each exchange once
// and in its order, then the last of its kind again.
type recordedGitHub struct {
	mu        sync.Mutex
	exchanges []*exchange
	// leaked are requests to another host than the API's that show the token.
	leaked []string
	http   *http.Client
}

func newRecorded(t *testing.T, exchanges []*exchange) *recordedGitHub {
	t.Helper()
	g := &recordedGitHub{exchanges: exchanges}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	// Links and redirects are absolute: the hosts keep their names, and all of them are
	// this server.
	g.http = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
		},
	}}
	return g
}

// ServeHTTP implements http.Handler.
func (g *recordedGitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.Host == "codeload.github.com" && r.Header.Get("Authorization") != "" {
		g.leaked = append(g.leaked, r.Host)
	}
	var found *exchange
	for _, e := range g.exchanges {
		if e.asks(r) && (found == nil || !e.used) {
			if found = e; !e.used {
				break
			}
		}
	}
	if found == nil {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"message":"Not Found"}`))
		return
	}
	found.used = true
	maps.Copy(w.Header(), found.header())
	w.WriteHeader(found.Status)
	_, _ = w.Write(found.body())
}

// source asks the recorded GitHub for a repository.
func (g *recordedGitHub) source(t *testing.T, repository string) *Source {
	t.Helper()
	cfg := DefaultConfig()
	cfg.APIURL, cfg.Token, cfg.Repositories, cfg.BackfillDays = "https://api.github.com", "t0k3n", []string{repository}, 10_000
	s, err := New(cfg, collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: g.http}, func() time.Time {
		return time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
