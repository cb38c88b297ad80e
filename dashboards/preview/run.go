package preview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/headway-metrics/headway/dashboards/live"
	"github.com/headway-metrics/headway/dashboards/macro"
	"github.com/headway-metrics/headway/dashboards/model"
)

const (
	maxBody = 256 << 10
	maxRows = 5000
	// parallel queries of one page, and of all pages together, so that browsers
	// cannot take the database.
	parallel, parallelAll = 4, 8
	// points that a chart can show side by side.
	points = 300
)

// request is what the browser may say; there is no SQL in it.
type request struct {
	UID       string              `json:"uid"`
	From      string              `json:"from"`
	To        string              `json:"to"`
	Variables map[string][]string `json:"variables"`
}

// line of the answer: the variables first, then each panel as it is ready,
// then the annotations.
type line struct {
	Range       *timeRange      `json:"range,omitempty"`
	Variables   []live.Resolved `json:"variables,omitzero"`
	Panel       int             `json:"panel,omitempty"`
	Frames      []live.Frame    `json:"frames,omitzero"`
	Annotations []annotation    `json:"annotations,omitzero"`
	Millis      int64           `json:"ms,omitempty"`
	Error       string          `json:"error,omitempty"`
}

type timeRange struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

type annotation struct {
	Name  string     `json:"name"`
	Color string     `json:"color"`
	Frame live.Frame `json:"frame"`
}

// run answers with one JSON object per line.
func (s *Server) run(w http.ResponseWriter, r *http.Request) {
	req, status, err := readRequest(w, r)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	d, found := s.find(req.UID)
	if !found {
		http.Error(w, "There is no dashboard with this uid.", http.StatusNotFound)
		return
	}
	rng, err := s.timeRange(req, d.Model)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	ctx := r.Context()
	lines := make(chan line)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.stream(ctx, w, lines)
	}()
	s.answer(ctx, d.Model, rng, req.Variables, lines)
	close(lines)
	<-done
}

func readRequest(w http.ResponseWriter, r *http.Request) (request, int, error) {
	// A form of another site cannot send this type without asking first.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return request{}, http.StatusUnsupportedMediaType, errors.New("content type must be application/json")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	var req request
	if err := d.Decode(&req); err != nil {
		return request{}, http.StatusBadRequest, fmt.Errorf("reading request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return request{}, http.StatusBadRequest, errors.New("request has more than one object")
	}
	return req, http.StatusOK, nil
}

func (s *Server) timeRange(req request, d model.Dashboard) (live.Range, error) {
	if req.From == "" || req.To == "" {
		req.From, req.To = d.Time.From, d.Time.To
	}
	now := s.opts.Now()
	from, err := macro.ParseTime(req.From, now)
	if err != nil {
		return live.Range{}, err
	}
	to, err := macro.ParseTime(req.To, now)
	if err != nil {
		return live.Range{}, err
	}
	if !from.Before(to) {
		return live.Range{}, errors.New("the time range ends before it begins")
	}
	return live.Range{From: from, To: to, Interval: to.Sub(from) / points}, nil
}

// stream writes lines until the channel is closed; when the browser has gone
// it keeps taking lines, so that nobody waits for it.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter, lines <-chan line) {
	enc, flush := json.NewEncoder(w), http.NewResponseController(w)
	var gone error
	for l := range lines {
		if gone == nil {
			gone = errors.Join(enc.Encode(l), flush.Flush())
		}
	}
	if gone != nil {
		s.opts.Logger.DebugContext(ctx, "preview client went away", "error", gone)
	}
}

func (s *Server) answer(ctx context.Context, d model.Dashboard, r live.Range, chosen map[string][]string, lines chan<- line) {
	vctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	variables, err := live.Variables(vctx, s.opts.Querier, d, r, chosen)
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "preview variables failed", "dashboard", d.UID, "error", err)
		lines <- line{Error: err.Error()}
		return
	}
	lines <- line{Variables: variables, Range: &timeRange{r.From.UnixMilli(), r.To.UnixMilli()}}
	scope := live.Scope(r, variables)
	var group errgroup.Group
	group.SetLimit(parallel)
	group.Go(func() error {
		lines <- s.annotations(ctx, d, scope)
		return nil
	})
	for _, p := range d.AllPanels() {
		if len(p.Targets) > 0 {
			group.Go(func() error {
				lines <- s.panel(ctx, d, p, scope)
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		s.opts.Logger.ErrorContext(ctx, "preview failed", "error", err)
	}
}

// query waits for its turn among all pages, then runs.
func (s *Server) query(ctx context.Context, q model.Query, scope macro.Scope) (live.Frame, error) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return live.Frame{}, fmt.Errorf("waiting to run query %s: %w", q.RefID, context.Cause(ctx))
	}
	defer func() { <-s.turns }()
	return live.Run(ctx, s.opts.Querier, q, scope, maxRows)
}

func (s *Server) panel(ctx context.Context, d model.Dashboard, p model.Panel, scope macro.Scope) line {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	start := time.Now()
	out := line{Panel: p.ID, Frames: []live.Frame{}}
	for _, target := range p.Targets {
		f, err := s.query(ctx, target, scope)
		if err != nil {
			s.opts.Logger.WarnContext(ctx, "preview query failed", "dashboard", d.UID, "panel", p.ID, "error", err)
			out.Error = err.Error()
			break
		}
		out.Frames = append(out.Frames, f)
	}
	out.Millis = time.Since(start).Milliseconds()
	return out
}

func (s *Server) annotations(ctx context.Context, d model.Dashboard, scope macro.Scope) line {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	out := line{Annotations: []annotation{}}
	for _, a := range d.Annotations.List {
		if !a.Enable || a.Target.RawSQL == "" {
			continue
		}
		f, err := s.query(ctx, a.Target, scope)
		if err != nil {
			s.opts.Logger.WarnContext(ctx, "preview annotation failed", "dashboard", d.UID, "annotation", a.Name, "error", err)
			out.Error = fmt.Sprintf("annotation %s: %v", a.Name, err)
			continue
		}
		out.Annotations = append(out.Annotations, annotation{a.Name, a.IconColor, f})
	}
	return out
}
