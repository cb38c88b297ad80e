package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
)

// nothing takes everything at once, so that the benchmark shows the loader.
type nothing struct{}

func (nothing) Insert(context.Context, []schema.Fact) error              { return nil }
func (nothing) PublishDirty(context.Context, ...schema.DirtyKey) error   { return nil }
func (nothing) PublishDead(context.Context, ...pipeline.DeadEvent) error { return nil }

// pull reads what a real parser of GitHub's pull_request needs, no more.
type pull struct{}

func (pull) Normalize(ev schema.Event) ([]schema.Fact, error) {
	var p struct {
		Number      uint64
		PullRequest struct {
			Title     string
			State     string
			CreatedAt time.Time `json:"created_at"`
			UpdatedAt time.Time `json:"updated_at"`
			Head      struct{ SHA string }
		} `json:"pull_request"`
		Repository struct {
			FullName string `json:"full_name"`
		}
	}
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, err
	}
	repo := "github.com/" + p.Repository.FullName
	return []schema.Fact{&schema.Change{
		Meta: schema.Meta{Source: "github", Version: schema.NewVersion(p.PullRequest.UpdatedAt, 0)},
		Repo: repo, ChangeID: fmt.Sprintf("%s#%d", repo, p.Number), Number: p.Number,
		Title: p.PullRequest.Title, State: p.PullRequest.State, OpenedAt: p.PullRequest.CreatedAt, HeadSHA: p.PullRequest.Head.SHA,
	}}, nil
}

// pullPayload has the size of a real delivery, about 23 KB: the repository is in
// it three times with its forty URLs.
func pullPayload(number int) []byte {
	repository := map[string]any{"full_name": fmt.Sprintf("acme/service-%d", number%40)}
	for i := range 45 {
		repository[fmt.Sprintf("link_%d_url", i)] = "https://api.github.com/repos/acme/service/" + strings.Repeat("x", 60) + "{/sha}"
	}
	b, err := json.Marshal(map[string]any{
		"action": "closed", "number": number,
		"pull_request": map[string]any{
			"title": "Make the thing work", "state": "closed", "body": strings.Repeat("Lorem ipsum. ", 80),
			"created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-02T10:00:00Z",
			"head": map[string]any{"sha": strings.Repeat("a", 40), "repo": repository},
			"base": map[string]any{"sha": strings.Repeat("b", 40), "repo": repository},
		},
		"repository": repository,
	})
	if err != nil {
		panic(err)
	}
	return b
}

// given makes the same fact and reads nothing, so that what is left is the
// loader's own cost.
type given struct{}

func (given) Normalize(ev schema.Event) ([]schema.Fact, error) {
	return []schema.Fact{&schema.Change{
		Meta: schema.Meta{Source: "github", Version: schema.NewVersion(ev.Time, 0)},
		Repo: "github.com/acme/service-1", ChangeID: "github.com/acme/service-1#" + ev.ID,
		Title: "Make the thing work", State: schema.ChangeOpen, OpenedAt: ev.Time, HeadSHA: ev.ID,
	}}, nil
}

func BenchmarkLoaderHandle(b *testing.B) {
	const batch = 5000
	events := make([]schema.Event, batch)
	bytes := 0
	for i := range events {
		events[i] = schema.Event{
			ID: fmt.Sprintf("delivery-%d", i), Source: "github", Type: "github.pull_request",
			Time: epoch, Key: "acme", Data: pullPayload(i),
		}
		bytes += len(events[i].Data)
	}
	for _, bc := range []struct {
		name   string
		parser pipeline.Normalizer
		sink   func(b *testing.B) pipeline.Sink
	}{
		{"parser=json/sink=none", pull{}, func(*testing.B) pipeline.Sink { return nothing{} }},
		{"parser=none/sink=none", given{}, func(*testing.B) pipeline.Sink { return nothing{} }},
		{"parser=none/sink=clickhouse", given{}, func(b *testing.B) pipeline.Sink { b.Helper(); return clickhousetest.New(b).Conn }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			l, err := pipeline.NewLoader(pipeline.Options{
				Normalizers: map[string]pipeline.Normalizer{"github": bc.parser},
				Sink:        bc.sink(b), Outbox: nothing{}, Logger: quiet(),
			})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Handle(b.Context(), events); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(batch)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
