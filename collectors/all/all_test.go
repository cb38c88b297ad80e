package all_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestEveryEntry walks the registry: a new source inherits these rules with its
// line.
func TestEveryEntry(t *testing.T) {
	t.Parallel()
	var names []string
	for _, e := range all.Entries() {
		names = append(names, e.Name)
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			if !regexp.MustCompile(`^[a-z][a-z0-9]*$`).MatchString(e.Name) {
				t.Errorf("name %q is not one lower-case word", e.Name)
			}
			if e.Title == "" {
				t.Error("no title")
			}
			if !slices.Contains(collectors.Groups(), e.Group) {
				t.Errorf("group %q is not one of collectors.Groups", e.Group)
			}
			if len(e.Facts) == 0 || !slices.IsSorted(e.Facts) {
				t.Errorf("facts %q are none or not sorted", e.Facts)
			}
			first, second := e.Config(), e.Config()
			if first == second {
				t.Error("Config returns the same pointer twice")
			}
			if _, err := json.Marshal(first); err != nil {
				t.Errorf("the configuration cannot be written as JSON: %v", err)
			}
			deps := collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}, StateDir: t.TempDir()}
			src, err := e.New(first, deps)
			if err != nil {
				if e.AlwaysOn {
					t.Fatalf("always on, but not with its defaults: %v", err)
				}
				// A source that cannot run unconfigured says what is missing.
				if len(err.Error()) < 10 {
					t.Errorf("error %q says too little", err)
				}
				return
			}
			if src.Name() != e.Name {
				t.Errorf("the source is called %q, its entry %q", src.Name(), e.Name)
			}
			if _, err := src.Normalize(collectors.Unreadable(e.Name, nil, []byte("{"), collectortest.Time)); err == nil {
				t.Error("an unreadable event is not refused")
			}
			if _, ok := src.(collectors.Webhook); ok {
				checkClosed(t, src, "/hooks/"+e.Name)
			}
			if in, ok := src.(collectors.Intake); ok {
				for _, ep := range in.Endpoints() {
					checkClosed(t, src, ep.Path)
				}
			}
		})
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("names are not sorted or not unique: %v", names)
	}
}

// checkClosed: a source without a secret takes nothing from anybody.
func checkClosed(t *testing.T, src collectors.Source, path string) {
	t.Helper()
	var p collectortest.Publisher
	d := collectortest.Delivery{Path: path, Header: http.Header{"Authorization": {"Bearer "}}, Body: []byte("{}")}
	rec := collectortest.Post(collectortest.NewServer(t, src, &p), d)
	if rec.Code != http.StatusUnauthorized || len(p.Events()) > 0 {
		t.Errorf("%s answers %d without a secret, want 401", path, rec.Code)
	}
}

// TestTogether: all sources can run in one server, each at paths of its own.
func TestTogether(t *testing.T) {
	t.Parallel()
	var sources []collectors.Source
	for _, e := range all.Entries() {
		deps := collectors.Deps{Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{}, StateDir: t.TempDir()}
		if src, err := e.New(e.Config(), deps); err == nil {
			sources = append(sources, src)
		}
	}
	if _, err := collectors.NewServer(collectors.ServerOptions{
		Sources: sources, Publisher: &collectortest.Publisher{}, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}); err != nil {
		t.Error(err)
	}
}
