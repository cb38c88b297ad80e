package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/kubeapi"
	"github.com/headway-metrics/headway/collectors/redact"
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/collectors/trivy"
	"github.com/headway-metrics/headway/schema"
)

// cursor is how far each cluster was read.
type cursor struct {
	Clusters map[string]*state `json:"clusters"`
}

type state struct {
	// Day of the last inventory.
	Day string `json:"day,omitempty"`
	// Reports hold, by kind and then by object, the version that was emitted and of the
	// Trivy operator's also what it was of.
	Reports map[string]seen.Map `json:"reports,omitempty"`
}

// Interval between two polls.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

// Poll takes the day's inventory of each cluster that has none, and reads the reports
// that changed. A cluster that does not answer, and a kind that may not be listed, do
// not keep the others waiting.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	was, next := cursor{}, cursor{Clusters: map[string]*state{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &was); err != nil {
			return nil, fmt.Errorf("reading the cursor of kubernetes: %w", err)
		}
	}
	var errs []error
	for _, k := range s.cfg.Clusters {
		st := was.Clusters[k.Name]
		if st == nil {
			st = &state{}
		}
		next.Clusters[k.Name] = st
		if err := s.cluster(ctx, k, st, emit); err != nil {
			errs = append(errs, fmt.Errorf("asking cluster %s: %w", k.Name, err))
		}
	}
	to, err := json.Marshal(next)
	if err != nil {
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of kubernetes: %w", err))...)
	}
	return to, errors.Join(errs...)
}

func (s *Source) cluster(ctx context.Context, k Cluster, st *state, emit collectors.Emit) error {
	session, err := kubeapi.Open(k.Cluster, s.http)
	if err != nil {
		return err
	}
	defer session.Close()
	var errs []error
	at := s.now()
	if st.Day != inventory.Day(at) {
		if err := s.snapshot(ctx, session, k, at, emit); err != nil {
			err = fmt.Errorf("taking the inventory: %w", err)
			if !kubeapi.GoOn(err) {
				return err
			}
			errs = append(errs, err)
		} else {
			st.Day = inventory.Day(at)
		}
	}
	for _, r := range kinds() {
		if r.what == "" || !s.cfg.reads(r) {
			continue
		}
		if err := s.reports(ctx, session, k.Name, r, st, emit); err != nil {
			errs = append(errs, fmt.Errorf("reading %s: %w", r, err))
			if !kubeapi.GoOn(err) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// workloads lists what runs in a cluster, all of it or nothing.
func workloads(ctx context.Context, session *kubeapi.Session) ([]inventory.Item, error) {
	var out []inventory.Item
	for _, r := range kinds() {
		if r.what != "" {
			continue
		}
		metas, err := session.Metadata(ctx, r.Resource)
		if err != nil {
			return nil, err
		}
		for _, m := range metas {
			out = append(out, inventory.Item{Kind: r.name, Namespace: m.Namespace, Name: m.Name, Labels: m.Labels, Annotations: m.Annotations})
		}
	}
	return out, nil
}

func (s *Source) snapshot(ctx context.Context, session *kubeapi.Session, k Cluster, at time.Time, emit collectors.Emit) error {
	items, err := workloads(ctx, session)
	if err != nil {
		return err
	}
	events, err := inventory.Events(Name, inventory.Place{Cluster: k.Name, Environment: k.Environment}, at, items)
	if err != nil {
		return err
	}
	return emit(ctx, events...)
}

// reports emits those of a kind that changed and, of the Trivy operator's, those that
// are gone. What was emitted is in the state also when it fails on the way.
func (s *Source) reports(ctx context.Context, session *kubeapi.Session, cluster string, k kind, st *state, emit collectors.Emit) error {
	metas, err := session.Metadata(ctx, k.Resource)
	if kubeapi.IsStatus(err, http.StatusNotFound) {
		return nil // It is not installed.
	}
	if err != nil {
		return err
	}
	if st.Reports == nil {
		st.Reports = map[string]seen.Map{}
	}
	if st.Reports[k.String()] == nil {
		st.Reports[k.String()] = seen.Map{}
	}
	emitted := st.Reports[k.String()]
	var changed []kubeapi.Meta
	there, of := map[string]bool{}, map[string]bool{}
	for _, m := range metas {
		there[m.Key()], of[subject(k, m)] = true, true
		if emitted[m.Key()] != version(k, m) {
			changed = append(changed, m)
		}
	}
	for some := range slices.Chunk(changed, atOnce) {
		var events []schema.Event
		var sent []kubeapi.Meta
		for _, m := range some {
			raw, err := session.Object(ctx, k.Resource, m.Namespace, m.Name)
			if kubeapi.IsStatus(err, http.StatusNotFound) {
				continue // It went away since it was listed; the next poll says so.
			}
			if err != nil {
				return err
			}
			ev, err := s.event(cluster, k, raw)
			if err != nil {
				return err
			}
			events, sent = append(events, ev), append(sent, m)
		}
		if len(events) == 0 {
			continue
		}
		if err := emit(ctx, events...); err != nil {
			return err
		}
		for _, m := range sent {
			emitted.Set(m.Key(), version(k, m))
		}
	}
	return s.gone(ctx, cluster, k, emitted, there, of, emit)
}

// atOnce are how many reports are emitted together.
const atOnce = 50

// gone forgets the reports that are not there any more, and says of the Trivy
// operator's that their findings ended, unless another report is of the same.
func (s *Source) gone(ctx context.Context, cluster string, k kind, emitted seen.Map, there, of map[string]bool, emit collectors.Emit) error {
	var events []schema.Event
	for _, key := range slices.Sorted(maps.Keys(emitted)) {
		_, what, _ := strings.Cut(emitted[key], " ")
		if there[key] || k.what != readTrivy || of[what] {
			continue
		}
		raw, err := deleted(k, key, what)
		if err != nil {
			return err
		}
		ev, err := s.event(cluster, k, raw, emitted[key])
		if err != nil {
			return err
		}
		events = append(events, ev)
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return err
		}
	}
	maps.DeleteFunc(emitted, func(key, _ string) bool { return !there[key] })
	return nil
}

// version is what is remembered of a report that was emitted.
func version(k kind, m kubeapi.Meta) string { return m.ResourceVersion + " " + subject(k, m) }

// subject is what a report of the Trivy operator is of; "" of others.
func subject(k kind, m kubeapi.Meta) string {
	if k.what != readTrivy {
		return ""
	}
	return trivy.Resource(m.Namespace, m.Labels)
}

// unwanted members of a report: bookkeeping of the API server and of kubectl, and the
// secrets that were found.
func unwanted() []string {
	return append([]string{"managedFields", "kubectl.kubernetes.io/last-applied-configuration"}, trivy.SecretMembers()...)
}

// event is of a report; more is what tells it from another of the same content.
func (s *Source) event(cluster string, k kind, raw []byte, more ...string) (schema.Event, error) {
	clean, err := redact.Members(raw, unwanted()...)
	if err != nil {
		return schema.Event{}, fmt.Errorf("reading a report: %w", err)
	}
	eventType := typePolicies
	if k.what == readTrivy {
		eventType = typeTrivy
	}
	return schema.Event{
		ID:     schema.EventID(slices.Concat([]string{eventType, cluster, k.String(), string(clean)}, more)...),
		Source: Name, Type: eventType, Subject: cluster, Key: cluster, Time: s.now().UTC(), Data: clean,
	}, nil
}

// deleted is what the Trivy operator's webhook would say of a report that is gone.
func deleted(k kind, key, what string) ([]byte, error) {
	namespace, _, _ := strings.Cut(key, "/")
	b, err := json.Marshal(map[string]any{
		"verb": "delete", "operatorObject": map[string]any{
			"kind": k.name, "metadata": map[string]any{"namespace": namespace, "labels": trivy.Labels(what)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("writing that a report is gone: %w", err)
	}
	return b, nil
}
