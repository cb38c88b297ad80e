package api

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Workload is one running thing in one daily inventory.
type Workload struct {
	// ID is cluster/namespace/kind/name when left out.
	ID string `json:"id"`
	// Day of the inventory, "2026-01-31".
	Day         string `json:"day"`
	Cluster     string `json:"cluster"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Environment string `json:"environment"`
	Tier        string `json:"tier"`
	Service     string `json:"service"`
	Team        string `json:"team"`
	// OnPlatform is yes, no or unknown; left out it is unknown.
	OnPlatform string `json:"on_platform"`
	// PlatformOwned workloads are the platform itself and are not counted.
	PlatformOwned bool       `json:"platform_owned"`
	UpdatedAt     *time.Time `json:"updated_at"`
	URL           string     `json:"url"`
}

func (w *Workload) key() string {
	if w.ID != "" {
		return w.ID
	}
	return strings.Join([]string{w.Cluster, w.Namespace, w.Kind, w.Name}, "/")
}

func (w *Workload) validate() error {
	if err := errors.Join(
		need("name", w.Name),
		need("environment or tier", w.Environment+w.Tier),
		oneOf("tier", w.Tier, "", schema.TierProduction, schema.TierStaging, schema.TierTesting, schema.TierDevelopment, schema.TierOther),
		oneOf("on_platform", w.OnPlatform, "", schema.OnPlatformYes, schema.OnPlatformNo, schema.OnPlatformUnknown),
	); err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, w.Day)
	if err != nil || !day.After(schema.MinTime) {
		return fmt.Errorf("day: is %q; write it as 2026-01-31", w.Day)
	}
	return nil
}

func (w *Workload) facts(from Origin) []schema.Fact {
	// validate has parsed it.
	day, _ := time.Parse(time.DateOnly, w.Day)
	onPlatform := w.OnPlatform
	if onPlatform == "" {
		onPlatform = schema.OnPlatformUnknown
	}
	tier := w.Tier
	if tier == "" {
		tier = schema.TierByName(w.Environment)
	}
	return []schema.Fact{&schema.Workload{
		Meta:       schema.Meta{Source: from.Source, URL: w.URL, Version: schema.NewVersion(from.changed(w.UpdatedAt, &day), 0)},
		WorkloadID: from.Source + ":" + w.key(), Day: day, Cluster: w.Cluster, Namespace: w.Namespace, Name: w.Name, Kind: w.Kind,
		Environment: w.Environment, Tier: tier, ServiceRef: w.Service, TeamRef: w.Team,
		OnPlatform: onPlatform, PlatformOwned: flag(w.PlatformOwned),
	}}
}
