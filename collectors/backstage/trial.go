package backstage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/collectors/seen"
)

// Test implements collectors.Tester: the two permissions, and one component.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.URL == "" {
		return []collectors.Check{{What: "backend", Detail: "nothing is asked: no url is set"}}
	}
	catalog := collectors.Check{What: "permission catalog.entity.read", Detail: "granted"}
	raw, err := s.client.Get(ctx, "/api/catalog/entities/by-query", url.Values{"limit": {"1"}, "filter": {"kind=component"}})
	var page struct {
		Items []json.RawMessage `json:"items"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &page)
	}
	if err != nil {
		catalog = problem(catalog.What, err)
	}
	tasks := collectors.Check{What: "permission scaffolder.task.read", Detail: "granted"}
	var status *rest.StatusError
	switch _, err := s.client.Get(ctx, "/api/scaffolder/v2/tasks", url.Values{"limit": {"1"}}); {
	case errors.As(err, &status) && status.Code == http.StatusNotFound:
		tasks.Detail = "the backend has no scaffolder"
	case err != nil:
		tasks = problem(tasks.What, err)
	}
	out := []collectors.Check{catalog, tasks}
	if len(page.Items) == 0 {
		return out
	}
	r := &reader{Source: s, now: s.now().UTC(), c: &cursor{Entities: seen.Map{}, Tasks: seen.Map{}}}
	ev, _, _, err := r.entity(page.Items[0])
	if err != nil {
		return append(out, collectors.Check{What: "sample", Problem: err.Error()})
	}
	_ = sample(ctx, ev) // A sample's only error is that one is enough.
	return out
}

func problem(what string, err error) collectors.Check {
	return collectors.Check{What: what, Problem: fmt.Sprintf(
		"%v; check url and token_file under sources.backstage, and backend.auth.externalAccess and the permission policy of Backstage", err)}
}
