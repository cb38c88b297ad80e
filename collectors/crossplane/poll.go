package crossplane

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
	"github.com/headway-metrics/headway/collectors/seen"
	"github.com/headway-metrics/headway/schema"
)

// cursor holds what was said of each object, by cluster and then by resource and uid.
type cursor struct {
	Clusters map[string]seen.Map `json:"clusters"`
}

// done stands for an object of which there is no more to say; the payload stands for one
// that was not ready.
const done = "done"

// Interval between two polls.
func (s *Source) Interval() time.Duration { return s.cfg.Interval }

// Poll lists the objects of each cluster and emits those of which there is something new
// to say. A cluster that does not answer does not keep the others waiting.
func (s *Source) Poll(ctx context.Context, from collectors.Cursor, emit collectors.Emit) (collectors.Cursor, error) {
	was, next := cursor{}, cursor{Clusters: map[string]seen.Map{}}
	if len(from) > 0 {
		if err := json.Unmarshal(from, &was); err != nil {
			return nil, fmt.Errorf("reading the cursor of crossplane: %w", err)
		}
	}
	var errs []error
	for _, k := range s.cfg.Clusters {
		said := was.Clusters[k.Name]
		if said == nil {
			said = seen.Map{}
		}
		next.Clusters[k.Name] = said
		if err := s.cluster(ctx, k, said, emit); err != nil {
			errs = append(errs, fmt.Errorf("asking cluster %s: %w", k.Name, err))
		}
	}
	to, err := json.Marshal(next)
	if err != nil {
		return from, errors.Join(append(errs, fmt.Errorf("writing the cursor of crossplane: %w", err))...)
	}
	return to, errors.Join(errs...)
}

func (s *Source) cluster(ctx context.Context, k kubeapi.Cluster, said seen.Map, emit collectors.Emit) error {
	session, err := kubeapi.Open(k, s.http)
	if err != nil {
		return err
	}
	defer session.Close()
	kinds, err := discover(ctx, session)
	if err != nil {
		return err
	}
	var errs []error
	known := map[string]bool{}
	for _, r := range kinds {
		known[r.String()] = true
		if err := s.resources(ctx, session, k.Name, r, said, emit); err != nil {
			err = fmt.Errorf("reading %s: %w", r, err)
			if !kubeapi.GoOn(err) {
				return errors.Join(append(errs, err)...)
			}
			errs = append(errs, err)
		}
	}
	// What a definition that is gone had defined is gone too, and nobody can ask for it.
	maps.DeleteFunc(said, func(key, _ string) bool {
		resource, _, _ := strings.Cut(key, "/")
		return !known[resource]
	})
	return errors.Join(errs...)
}

// kind of object that definitions define.
type kind struct {
	kubeapi.Resource
	claim bool
}

// definitions are the CompositeResourceDefinitions, in the API of Crossplane 2 or else
// of 1.
func definitions(version string) kubeapi.Resource {
	return kubeapi.Resource{Group: "apiextensions.crossplane.io", Version: version, Plural: "compositeresourcedefinitions"}
}

// discover finds the kinds of claims and composite resources.
func discover(ctx context.Context, session *kubeapi.Session) ([]kind, error) {
	list, err := session.Objects(ctx, definitions("v2"))
	if kubeapi.IsStatus(err, http.StatusNotFound) {
		list, err = session.Objects(ctx, definitions("v1"))
	}
	if kubeapi.IsStatus(err, http.StatusNotFound) {
		return nil, fmt.Errorf("the cluster has no CompositeResourceDefinitions, so Crossplane is not installed there: %w", err)
	}
	if err != nil {
		return nil, err
	}
	var out []kind
	for _, raw := range list {
		var d struct {
			Spec struct {
				Group string `json:"group"`
				Names struct {
					Plural string `json:"plural"`
				} `json:"names"`
				ClaimNames struct {
					Plural string `json:"plural"`
				} `json:"claimNames"`
				Versions []struct {
					Name          string `json:"name"`
					Served        bool   `json:"served"`
					Referenceable bool   `json:"referenceable"`
				} `json:"versions"`
			} `json:"spec"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, fmt.Errorf("reading a CompositeResourceDefinition: %w", err)
		}
		version := ""
		for _, v := range d.Spec.Versions {
			if v.Served && (version == "" || v.Referenceable) {
				version = v.Name
			}
		}
		if version == "" || d.Spec.Group == "" {
			continue // Nothing of it can be listed.
		}
		for plural, claim := range map[string]bool{d.Spec.Names.Plural: false, d.Spec.ClaimNames.Plural: true} {
			if plural != "" {
				out = append(out, kind{kubeapi.Resource{Group: d.Spec.Group, Version: version, Plural: plural}, claim})
			}
		}
	}
	slices.SortFunc(out, func(a, b kind) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// resources emits what is new of one kind.
func (s *Source) resources(ctx context.Context, session *kubeapi.Session, cluster string, r kind, said seen.Map, emit collectors.Emit) error {
	list, err := session.Objects(ctx, r.Resource)
	if kubeapi.IsStatus(err, http.StatusNotFound) {
		return nil // The definition is not established yet.
	}
	if err != nil {
		return err
	}
	var events []schema.Event
	next, there := map[string]string{}, map[string]bool{}
	add := func(key string, p payload) error {
		b, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("writing a resource: %w", err)
		}
		next[key] = done
		if p.Object.ready() == nil && p.Object.Metadata.DeletionTimestamp == nil && p.Gone == nil {
			next[key] = string(b)
		}
		if said[key] != next[key] {
			events = append(events, s.event(cluster, p, b))
		}
		return nil
	}
	for _, raw := range list {
		var o object
		if err := json.Unmarshal(raw, &o); err != nil {
			return fmt.Errorf("reading a resource: %w", err)
		}
		key := r.String() + "/" + o.Metadata.UID
		there[key] = true
		switch {
		case said[key] == done || !o.asked():
		case said[key] == "" && o.Metadata.DeletionTimestamp != nil:
			// It is on its way out and nobody knows whether it ever was ready.
			next[key] = done
		default:
			if err := add(key, payload{Claim: r.claim, Object: o.kept()}); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if there[key] || said[key] == done || !strings.HasPrefix(key, r.String()+"/") {
			continue
		}
		var p payload
		if err := json.Unmarshal([]byte(said[key]), &p); err != nil {
			return fmt.Errorf("reading the cursor of crossplane: %w", err)
		}
		now := s.now().UTC()
		p.Gone = &now
		if err := add(key, p); err != nil {
			return err
		}
	}
	if len(events) > 0 {
		if err := emit(ctx, events...); err != nil {
			return err
		}
	}
	for key, state := range next {
		said.Set(key, state)
	}
	maps.DeleteFunc(said, func(key, _ string) bool { return strings.HasPrefix(key, r.String()+"/") && !there[key] })
	return nil
}

// kept is an object without what is not needed of its annotations and conditions; the
// type has left out the rest.
func (o object) kept() object {
	o.Metadata.Annotations = inventory.Short(o.Metadata.Annotations)
	o.Status.Conditions = slices.DeleteFunc(o.Status.Conditions, func(c condition) bool { return c.Type != "Ready" })
	return o
}

func (s *Source) event(cluster string, p payload, data []byte) schema.Event {
	what := string(data)
	if p.Gone != nil {
		what = "gone" // Once is enough, whenever it is noticed.
	}
	return schema.Event{
		ID:     schema.EventID(typeResource, cluster, p.Object.Metadata.UID, what),
		Source: Name, Type: typeResource, Subject: cluster, Key: p.Object.Metadata.UID, Time: s.now().UTC(), Data: data,
	}
}
