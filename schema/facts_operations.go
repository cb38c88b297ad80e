package schema

import "time"

// Kinds of an IncidentUpdate.
const (
	IncidentTriggered    = "triggered"
	IncidentAcknowledged = "acknowledged"
	IncidentResolved     = "resolved"
	IncidentReopened     = "reopened"
	IncidentUpdated      = "updated"
	// IncidentDeleted withdraws the incident (a false alarm removed upstream, or
	// merged into another).
	IncidentDeleted = "deleted"
)

// IncidentUpdate is one thing that happened to an incident. Senders such as
// PagerDuty never send the whole history in one message, so the updates are
// kept and folded in order of At; empty fields leave what was known.
type IncidentUpdate struct {
	Meta
	IncidentID string    `ch:"incident_id"`
	UpdateID   string    `ch:"update_id"`
	At         time.Time `ch:"at"`
	Kind       string    `ch:"kind"`
	// ServiceRefs are the sender's names of the services concerned.
	ServiceRefs []string `ch:"service_refs"`
	Title       string   `ch:"title"`
	// Severity as the sender names it: "sev1", "P2", "critical".
	Severity string `ch:"severity"`
	// StartedAt is when the trouble began, when the sender says so; else the
	// first triggered update's At.
	StartedAt *time.Time `ch:"started_at"`
	// Cause names the deployment id, version, commit or change id that the
	// sender holds responsible.
	Cause string `ch:"cause"`
}

func (*IncidentUpdate) Table() string    { return "incident_updates" }
func (u *IncidentUpdate) FactID() string { return u.IncidentID + "/" + u.UpdateID }

// DirtyKeys names the refs of this update and the incident itself, since an
// update may carry no service at all.
func (u *IncidentUpdate) DirtyKeys() []DirtyKey {
	out := []DirtyKey{DirtyIncident(u.IncidentID)}
	for _, r := range u.ServiceRefs {
		out = append(out, DirtyRef(r))
	}
	return out
}

// Types of a Ticket.
const (
	TicketBug      = "bug"
	TicketIncident = "incident"
	TicketSupport  = "support"
	TicketFeature  = "feature"
	TicketRequest  = "request"
	TicketTask     = "task"
)

// Ticket is one item of a ticket system.
type Ticket struct {
	Meta
	TicketID string `ch:"ticket_id"`
	Project  string `ch:"project"`
	Type     string `ch:"type"`
	// Category groups support tickets; Theme groups feature requests.
	Category string `ch:"category"`
	Theme    string `ch:"theme"`
	Title    string `ch:"title"`
	Status   string `ch:"status"`
	// CapabilityID is the platform capability concerned, or "".
	CapabilityID string `ch:"capability_id"`
	// TeamRef is the team that asks, or "".
	TeamRef         string     `ch:"team_ref"`
	ServiceRef      string     `ch:"service_ref"`
	CreatedAt       time.Time  `ch:"created_at"`
	FirstResponseAt *time.Time `ch:"first_response_at"`
	ResolvedAt      *time.Time `ch:"resolved_at"`
	Reopened        uint32     `ch:"reopened"`
	Labels          []string   `ch:"labels"`
}

func (*Ticket) Table() string           { return "tickets" }
func (t *Ticket) FactID() string        { return t.TicketID }
func (t *Ticket) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyFact(t.Table(), t.TicketID)} }

// Channels and statuses of a Request.
const (
	ChannelSelfService = "self_service"
	ChannelManual      = "manual"

	RequestOpen      = "open"
	RequestCompleted = "completed"
	RequestFailed    = "failed"
	RequestCancelled = "cancelled"
)

// Request is somebody asking the platform for something: a scaffolder run, a
// self-service action, or a ticket that a platform engineer serves by hand.
type Request struct {
	Meta
	RequestID    string `ch:"request_id"`
	CapabilityID string `ch:"capability_id"`
	// Template is the template or action that was run, or "".
	Template   string `ch:"template"`
	Channel    string `ch:"channel"`
	Status     string `ch:"status"`
	TeamRef    string `ch:"team_ref"`
	ServiceRef string `ch:"service_ref"`
	// Actor is an identity ref ("backstage:user:default/ada"); it only finds the team.
	Actor       string     `ch:"actor"`
	DryRun      uint8      `ch:"dry_run"`
	HumanSteps  uint32     `ch:"human_steps"`
	CreatedAt   time.Time  `ch:"created_at"`
	CompletedAt *time.Time `ch:"completed_at"`
	// MinutesSaved as the template states, per completed run.
	MinutesSaved float64 `ch:"minutes_saved"`
}

func (*Request) Table() string           { return "requests" }
func (r *Request) FactID() string        { return r.RequestID }
func (r *Request) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyFact(r.Table(), r.RequestID)} }
