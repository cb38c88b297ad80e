package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/pipeline/pipelinetest"
	"github.com/headway-metrics/headway/schema"
)

// script is the payload of the tests' source: what its parser shall do.
type script struct {
	Facts   []scriptFact `json:"facts,omitempty"`
	Ignore  string       `json:"ignore,omitempty"`
	Fail    string       `json:"fail,omitempty"`
	Panic   string       `json:"panic,omitempty"`
	Unknown string       `json:"unknown,omitempty"`
	// Bad makes a fact that cannot be kept: nil, typed_nil, no_id, unsealable.
	Bad string `json:"bad,omitempty"`
}

// scriptFact is a deployment, or an incident update when Incident is set.
type scriptFact struct {
	ID       string `json:"id"`
	Incident string `json:"incident,omitempty"`
	// Second after epoch is when the sender changed it.
	Second int    `json:"second"`
	Rank   uint8  `json:"rank,omitempty"`
	Note   string `json:"note,omitempty"`
	Delete bool   `json:"delete,omitempty"`
}

// refusedNote is the note of a fact that refuse refuses.
const refusedNote = "refuse me"

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// scripted is the parser of scripts. suffix stands for another version of it.
type scripted struct{ suffix string }

func (n scripted) Normalize(ev schema.Event) ([]schema.Fact, error) {
	var s script
	if err := json.Unmarshal(ev.Data, &s); err != nil {
		return nil, fmt.Errorf("reading the script: %w", err)
	}
	switch {
	case s.Panic != "":
		panic(s.Panic)
	case s.Fail != "":
		return nil, errors.New(s.Fail)
	case s.Unknown != "":
		return nil, fmt.Errorf("event %s: %w", s.Unknown, errors.ErrUnsupported)
	case s.Ignore != "":
		return nil, schema.Ignore(s.Ignore)
	}
	var out []schema.Fact
	for _, f := range s.Facts {
		out = append(out, f.fact(ev.Source, n.suffix))
	}
	var none *schema.Deployment
	switch s.Bad {
	case "nil":
		out = append(out, nil)
	case "typed_nil":
		out = append(out, none)
	case "no_id":
		out = append(out, &schema.Deployment{})
	case "unsealable":
		// JSON knows no infinity, and the content hash is taken over JSON.
		out = append(out, &schema.Request{RequestID: "r", MinutesSaved: inf()})
	}
	return out, nil
}

func inf() float64 { return 1 / zero() }

func zero() float64 { return 0 }

func (f scriptFact) fact(source, suffix string) schema.Fact {
	changed := epoch.Add(time.Duration(f.Second) * time.Second)
	meta := schema.Meta{Source: source, Version: schema.NewVersion(changed, f.Rank)}
	if f.Delete {
		meta.Deleted = 1
	}
	if f.Incident != "" {
		return &schema.IncidentUpdate{
			Meta: meta, IncidentID: f.Incident, UpdateID: f.ID, At: changed,
			Kind: schema.IncidentUpdated, Title: f.Note + suffix,
		}
	}
	return &schema.Deployment{
		Meta: meta, DeploymentID: f.ID, ServiceRef: "shop", Environment: "production",
		Branch: f.Note + suffix, CreatedAt: changed, Status: schema.StatusSuccess,
	}
}

func refuse(f schema.Fact) bool {
	d, ok := f.(*schema.Deployment)
	return ok && d.Branch == refusedNote
}

func event(id string, s script) schema.Event { return sourceEvent("alpha", id, s) }

func sourceEvent(source, id string, s script) schema.Event {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return schema.Event{
		ID: id, Source: source, Type: source + ".thing", Subject: "subject of " + id,
		Time: epoch.Add(time.Hour), Key: "k", Data: b,
	}
}

// rig is a loader with stand-ins around it.
type rig struct {
	*pipeline.Loader
	faults *pipelinetest.Faults
	store  *pipelinetest.Store
	outbox *pipelinetest.Outbox
}

func newRig(tb testing.TB, change ...func(*pipeline.Options)) *rig {
	tb.Helper()
	f := &pipelinetest.Faults{}
	r := &rig{faults: f, store: &pipelinetest.Store{Faults: f, Refuse: refuse}, outbox: &pipelinetest.Outbox{Faults: f}}
	o := pipeline.Options{
		Normalizers: map[string]pipeline.Normalizer{"alpha": scripted{}, "beta": scripted{}},
		Sink:        r.store,
		Outbox:      r.outbox,
		Logger:      quiet(),
	}
	for _, c := range change {
		c(&o)
	}
	l, err := pipeline.NewLoader(o)
	if err != nil {
		tb.Fatal(err)
	}
	r.Loader = l
	return r
}

func receipts(tb testing.TB, s *pipelinetest.Store) map[string]schema.Receipt {
	tb.Helper()
	rows, err := pipelinetest.Read[schema.Receipt](s, "receipts")
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string]schema.Receipt{}
	for _, r := range rows {
		out[r.Source+"/"+r.EventID] = r
	}
	return out
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
