package api

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Times are RFC 3339 ("2026-01-31T09:30:00Z") everywhere, days are "2026-01-31".

// Deployment is one attempt to put a version of a service into an environment.
// Sending the same id again updates it; UpdatedAt decides which state is newer,
// and without it the latest of the other times does.
type Deployment struct {
	ID string `json:"id"`
	// Service is your name of the service, an id or alias of the catalogue;
	// Repository (URL or host/path) may stand instead or beside it.
	Service    string `json:"service"`
	Repository string `json:"repository"`
	// Environment as you name it; Tier (production, staging, testing,
	// development, other) when the name does not tell.
	Environment string `json:"environment"`
	Tier        string `json:"tier"`
	// Commit is the full SHA deployed; Version (a tag, an image tag) may stand
	// instead or beside it.
	Commit  string `json:"commit"`
	Version string `json:"version"`
	Branch  string `json:"branch"`
	// Status is pending, running, success, failure or cancelled; the last three
	// need FinishedAt.
	Status     string     `json:"status"`
	CreatedAt  *time.Time `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at"`
	UpdatedAt  *time.Time `json:"updated_at"`
	// Rollback says that this puts back an earlier version.
	Rollback bool   `json:"rollback"`
	URL      string `json:"url"`
}

func (d *Deployment) key() string { return d.ID }

func (d *Deployment) validate() error {
	tiers := []string{"", schema.TierProduction, schema.TierStaging, schema.TierTesting, schema.TierDevelopment, schema.TierOther}
	if err := errors.Join(
		need("id", d.ID),
		need("environment", d.Environment),
		need("service or repository", d.Service+d.Repository),
		need("commit or version", d.Commit+d.Version),
		oneOf("status", d.Status, schema.StatusPending, schema.StatusRunning, schema.StatusSuccess, schema.StatusFailure, schema.StatusCancelled),
		oneOf("tier", d.Tier, tiers...),
	); err != nil {
		return err
	}
	finished := d.Status != schema.StatusPending && d.Status != schema.StatusRunning
	switch {
	case finished && d.FinishedAt == nil:
		return errors.New("finished_at: is required when status is success, failure or cancelled")
	case !finished && d.FinishedAt != nil:
		return errors.New("finished_at: stands beside a status that is not finished")
	case latest(d.CreatedAt, d.StartedAt, d.FinishedAt).IsZero():
		return errors.New("created_at: is required, or started_at")
	}
	return nil
}

func (d *Deployment) facts(from Origin) []schema.Fact {
	rank := uint8(0)
	switch d.Status {
	case schema.StatusRunning:
		rank = 1
	case schema.StatusSuccess, schema.StatusFailure, schema.StatusCancelled:
		rank = 2
	}
	return []schema.Fact{&schema.Deployment{
		Meta: schema.Meta{
			Source: from.Source, URL: d.URL,
			Version: schema.NewVersion(from.changed(d.UpdatedAt, d.CreatedAt, d.StartedAt, d.FinishedAt), rank),
		},
		// The id stays as it is, so that an incident's cause can name it.
		DeploymentID: d.ID, Repo: repoID(d.Repository), ServiceRef: d.Service,
		Environment: d.Environment, TierHint: d.Tier, Commit: strings.ToLower(d.Commit), Version: d.Version, Branch: d.Branch,
		Status: d.Status, CreatedAt: earliest(d.CreatedAt, d.StartedAt, d.FinishedAt),
		StartedAt: d.StartedAt, FinishedAt: d.FinishedAt, IsRollback: flag(d.Rollback),
	}}
}

func repoID(remote string) string {
	if remote == "" {
		return ""
	}
	return schema.RepoID(remote)
}

// Incident is one outage or degradation. Sending the same id again updates it.
type Incident struct {
	ID string `json:"id"`
	// Services are your names of the services concerned.
	Services []string `json:"services"`
	Title    string   `json:"title"`
	// Severity as you name it: "sev1", "P2".
	Severity       string     `json:"severity"`
	StartedAt      *time.Time `json:"started_at"`
	AcknowledgedAt *time.Time `json:"acknowledged_at"`
	ResolvedAt     *time.Time `json:"resolved_at"`
	UpdatedAt      *time.Time `json:"updated_at"`
	// Cause is the deployment id, version, commit or change held responsible.
	Cause string `json:"cause"`
	// Deleted withdraws the incident: a false alarm.
	Deleted bool   `json:"deleted"`
	URL     string `json:"url"`
}

func (i *Incident) key() string { return i.ID }

func (i *Incident) validate() error {
	if err := need("id", i.ID); err != nil {
		return err
	}
	if i.StartedAt == nil {
		return errors.New("started_at: is required")
	}
	if i.Deleted && i.UpdatedAt == nil {
		return errors.New("updated_at: is required with deleted")
	}
	if slices.Contains(i.Services, "") {
		return errors.New("services: holds an empty name")
	}
	return nil
}

func (i *Incident) facts(from Origin) []schema.Fact {
	update := func(kind string, at *time.Time) schema.Fact {
		return &schema.IncidentUpdate{
			Meta: schema.Meta{
				Source: from.Source, URL: i.URL,
				Version: schema.NewVersion(from.changed(i.UpdatedAt, i.StartedAt, i.AcknowledgedAt, i.ResolvedAt), 0),
			},
			// One update of each kind: sending again corrects it.
			IncidentID: from.Source + ":" + i.ID, UpdateID: kind, At: *at, Kind: kind, ServiceRefs: i.Services,
			Title: i.Title, Severity: i.Severity, StartedAt: i.StartedAt, Cause: i.Cause,
		}
	}
	out := []schema.Fact{update(schema.IncidentTriggered, i.StartedAt)}
	if i.AcknowledgedAt != nil {
		out = append(out, update(schema.IncidentAcknowledged, i.AcknowledgedAt))
	}
	if i.ResolvedAt != nil {
		out = append(out, update(schema.IncidentResolved, i.ResolvedAt))
	}
	if i.Deleted {
		out = append(out, update(schema.IncidentDeleted, i.UpdatedAt))
	}
	return out
}

// Request is somebody asking the platform for something.
type Request struct {
	ID string `json:"id"`
	// Capability is the id of the platform capability concerned.
	Capability string `json:"capability"`
	Template   string `json:"template"`
	// Channel is self_service or manual.
	Channel string `json:"channel"`
	// Status is open, completed, failed or cancelled; all but open need CompletedAt.
	Status  string `json:"status"`
	Team    string `json:"team"`
	Service string `json:"service"`
	// Actor is an identity ("backstage:user:default/ada") that only finds the team.
	Actor  string `json:"actor"`
	DryRun bool   `json:"dry_run"`
	// HumanSteps on the provider's side: approvals, hand work.
	HumanSteps  uint32     `json:"human_steps"`
	CreatedAt   *time.Time `json:"created_at"`
	CompletedAt *time.Time `json:"completed_at"`
	UpdatedAt   *time.Time `json:"updated_at"`
	// MinutesSaved as the template states, per completed run.
	MinutesSaved float64 `json:"minutes_saved"`
	URL          string  `json:"url"`
}

func (r *Request) key() string { return r.ID }

func (r *Request) validate() error {
	if err := errors.Join(
		need("id", r.ID),
		need("capability or template", r.Capability+r.Template),
		oneOf("channel", r.Channel, schema.ChannelSelfService, schema.ChannelManual),
		oneOf("status", r.Status, schema.RequestOpen, schema.RequestCompleted, schema.RequestFailed, schema.RequestCancelled),
	); err != nil {
		return err
	}
	switch {
	case r.CreatedAt == nil:
		return errors.New("created_at: is required")
	case r.Status != schema.RequestOpen && r.CompletedAt == nil:
		return errors.New("completed_at: is required unless status is open")
	case r.Status == schema.RequestOpen && r.CompletedAt != nil:
		return errors.New("completed_at: stands beside status open")
	case r.MinutesSaved < 0:
		return errors.New("minutes_saved: is below 0")
	}
	return nil
}

// facts: the request, and the use of its capability once the team has served
// itself.
func (r *Request) facts(from Origin) []schema.Fact {
	meta := schema.Meta{
		Source: from.Source, URL: r.URL,
		Version: schema.NewVersion(from.changed(r.UpdatedAt, r.CreatedAt, r.CompletedAt), flag(r.Status != schema.RequestOpen)),
	}
	out := []schema.Fact{&schema.Request{
		Meta: meta, RequestID: from.Source + ":" + r.ID, CapabilityID: r.Capability, Template: r.Template, Channel: r.Channel, Status: r.Status,
		TeamRef: r.Team, ServiceRef: r.Service, Actor: r.Actor, DryRun: flag(r.DryRun), HumanSteps: r.HumanSteps,
		CreatedAt: *r.CreatedAt, CompletedAt: r.CompletedAt, MinutesSaved: r.MinutesSaved,
	}}
	if r.Status == schema.RequestCompleted && r.Channel == schema.ChannelSelfService && r.Capability != "" && !r.DryRun {
		out = append(out, &schema.CapabilityUse{
			Meta: meta, UseID: from.Source + ":request:" + r.ID, CapabilityID: r.Capability, Action: "create", Qualifying: 1, At: *r.CompletedAt,
			TeamRef: r.Team, ServiceRef: r.Service, Actor: r.Actor,
		})
	}
	return out
}
