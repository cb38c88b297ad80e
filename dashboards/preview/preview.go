// Package preview draws the generated Grafana dashboards in a browser, so that
// a newcomer sees them without a Grafana. For daily work, use Grafana.
//
// The browser never sends SQL: it names a dashboard, a time range and the
// values of variables, and the server runs the queries of its own models as a
// user that can only read.
package preview

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/dashboards/live"
	"github.com/headway-metrics/headway/dashboards/model"
)

// The bundle is built by npm into web/dist and is not committed; dist/README
// is, so that the directory exists in a fresh clone.
//
//go:embed web/dist
var bundle embed.FS

// BuildCommand builds the browser's part; the page says so when it is missing.
const BuildCommand = "cd dashboards/preview/web && npm ci && npm run build"

// Options of the preview.
type Options struct {
	// Querier runs the queries; it must not be able to write.
	Querier live.Querier
	Logger  *slog.Logger
	// Dashboards are the JSON models to draw, the first of them at the root.
	Dashboards []Dashboard
	// Base is the path that the preview is mounted at, "/preview" if empty.
	Base string
	// GrafanaURL is linked from the notice, if there is one.
	GrafanaURL string
	// Timeout of one query, 30 s if zero.
	Timeout time.Duration
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Assets replaces the embedded bundle in tests.
	Assets fs.FS
}

// Dashboard is one JSON model.
type Dashboard struct {
	Raw   []byte
	Model model.Dashboard
}

// Server is the preview. It is an http.Handler for everything below its base.
type Server struct {
	opts   Options
	assets fs.FS
	mux    *http.ServeMux
	// turns bounds how many queries of panels run at once.
	turns chan struct{}
}

// New checks the options and returns the preview's handler.
func New(opts Options) (*Server, error) {
	if opts.Querier == nil || opts.Logger == nil {
		return nil, errors.New("preview needs a querier and a logger")
	}
	if len(opts.Dashboards) == 0 {
		return nil, errors.New("preview has no dashboards to draw")
	}
	opts.Base = "/" + strings.Trim(cmp.Or(opts.Base, "/preview"), "/")
	opts.Timeout = cmp.Or(opts.Timeout, 30*time.Second)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	assets := opts.Assets
	if assets == nil {
		sub, err := fs.Sub(bundle, "web/dist")
		if err != nil {
			return nil, fmt.Errorf("opening the preview's bundle: %w", err)
		}
		assets = sub
	}
	s := &Server{opts: opts, assets: assets, mux: http.NewServeMux(), turns: make(chan struct{}, parallelAll)}
	base := opts.Base
	s.mux.HandleFunc("GET "+base, s.root)
	s.mux.HandleFunc("GET "+base+"/{$}", s.root)
	s.mux.HandleFunc("GET "+base+"/d/{uid}", s.page)
	s.mux.HandleFunc("GET "+base+"/d/{uid}/{slug}", s.page)
	s.mux.HandleFunc("GET "+base+"/api/dashboards", s.list)
	s.mux.HandleFunc("GET "+base+"/api/dashboards/{uid}", s.dashboard)
	s.mux.HandleFunc("POST "+base+"/api/run", s.run)
	s.mux.HandleFunc("GET "+base+"/assets/{file}", s.asset)
	return s, nil
}

// ServeHTTP answers with headers that keep the page to its own origin.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	s.mux.ServeHTTP(w, r)
}

func (s *Server) find(uid string) (Dashboard, bool) {
	for _, d := range s.opts.Dashboards {
		if d.Model.UID == uid {
			return d, true
		}
	}
	return Dashboard{}, false
}
