package crossplane

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/schema"
)

// typeResource is the type of event; its subject is the cluster.
const typeResource = Name + ".rest.resource"

// payload of an event.
type payload struct {
	// Claim is set for a claim, and not for a composite resource.
	Claim bool `json:"claim"`
	// Gone is when an object that was not ready was there no more.
	Gone   *time.Time `json:"gone,omitempty"`
	Object object     `json:"object"`
}

// object is what is kept of a claim or composite resource
// (docs.crossplane.io, "Claims" and "Composite Resources").
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace,omitempty"`
		UID               string            `json:"uid"`
		CreationTimestamp time.Time         `json:"creationTimestamp"`
		DeletionTimestamp *time.Time        `json:"deletionTimestamp,omitempty"`
		Labels            map[string]string `json:"labels,omitempty"`
		Annotations       map[string]string `json:"annotations,omitempty"`
		OwnerReferences   []ownerReference  `json:"ownerReferences,omitempty"`
	} `json:"metadata"`
	Spec struct {
		// ClaimRef of a composite resource names its claim.
		ClaimRef *struct {
			Name string `json:"name"`
		} `json:"claimRef,omitempty"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions,omitempty"`
	} `json:"status"`
}

type ownerReference struct {
	Kind       string `json:"kind"`
	Controller bool   `json:"controller,omitempty"`
}

type condition struct {
	Type               string    `json:"type"`
	Status             string    `json:"status"`
	Reason             string    `json:"reason,omitempty"`
	LastTransitionTime time.Time `json:"lastTransitionTime"`
}

// ready is when the object became ready; nil when it is not.
func (o object) ready() *time.Time {
	for _, c := range o.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return &c.LastTransitionTime
		}
	}
	return nil
}

// asked reports whether somebody asked for the object, and not Crossplane itself.
func (o object) asked() bool {
	if o.Spec.ClaimRef != nil {
		return false
	}
	for _, r := range o.Metadata.OwnerReferences {
		if r.Controller {
			return false
		}
	}
	return true
}

// name is what a rule's pattern is held against.
func (o object) name() string {
	if o.Metadata.Namespace == "" {
		return o.Kind + "/" + o.Metadata.Name
	}
	return o.Kind + "/" + o.Metadata.Namespace + "/" + o.Metadata.Name
}

// Normalize turns what is known of an object into a request.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typeResource {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var p payload
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading a resource: %w", err)
	}
	o := p.Object
	switch {
	case o.Kind == "" || o.Metadata.Name == "" || o.Metadata.UID == "" || ev.Subject == "":
		return nil, errors.New("a resource without kind, name, uid or cluster")
	case !o.Metadata.CreationTimestamp.After(schema.MinTime):
		return nil, errors.New("a resource without creationTimestamp")
	case !o.asked():
		return nil, schema.Ignore("Crossplane resource that Crossplane made itself")
	}
	to, ok := s.rules.Find(o.name())
	if !ok {
		return nil, schema.Ignore("Crossplane resource that no rule names")
	}
	i := inventory.Item{Kind: o.Kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name, Labels: o.Metadata.Labels, Annotations: o.Metadata.Annotations}
	of := inventory.Place{Cluster: ev.Subject}
	to.Service, to.Team = cmp.Or(to.Service, s.service.Of(of, i)), cmp.Or(to.Team, s.team.Of(of, i))
	run := provision.Run{ID: Name + ":" + o.Metadata.UID, Status: schema.RequestOpen, CreatedAt: o.Metadata.CreationTimestamp}
	ended := p.Gone
	if ended == nil {
		ended = o.Metadata.DeletionTimestamp
	}
	run.Meta = schema.Meta{Source: Name, Version: schema.NewVersion(run.CreatedAt, 0)}
	switch ready := o.ready(); {
	case ready != nil:
		if ready.Before(run.CreatedAt) {
			return nil, fmt.Errorf("the resource became ready at %s, before it was made", ready.UTC().Format(time.RFC3339))
		}
		run.Status, run.CompletedAt = schema.RequestCompleted, ready
		// The first time that it became ready counts, and beats every other word.
		run.Meta.Version = schema.EarliestVersion(*ready)
	case ended != nil:
		run.Status, run.CompletedAt = schema.RequestCancelled, ended
		run.Meta.Version = schema.NewVersion(*ended, 1)
	}
	return to.Facts(run), nil
}
