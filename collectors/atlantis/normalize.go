package atlantis

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/provision"
	"github.com/headway-metrics/headway/collectors/redact"
	"github.com/headway-metrics/headway/schema"
)

// Types of event.
const (
	typeApply = Name + ".apply"
	typeDrift = Name + ".drift"
)

// memberToken holds the token with which Atlantis clones.
const memberToken = "CloneURL"

// Hosts of version control, by the number that Atlantis gives them (its VCSHostType).
const (
	hostGitHub = 0
	hostGitLab = 1
)

// payload is a webhook. See
// https://www.runatlantis.io/docs/sending-notifications-via-webhooks.
type payload struct {
	Workspace string `json:"Workspace"`
	Repo      struct {
		FullName string `json:"FullName"`
		VCSHost  struct {
			Hostname string `json:"Hostname"`
			Type     int    `json:"Type"`
		} `json:"VCSHost"`
	} `json:"Repo"`
	Pull struct {
		Num        int    `json:"Num"`
		HeadCommit string `json:"HeadCommit"`
		URL        string `json:"URL"`
		Author     string `json:"Author"`
	} `json:"Pull"`
	Success     *bool  `json:"Success"`
	Directory   string `json:"Directory"`
	ProjectName string `json:"ProjectName"`
	// DetectionID is that of a drift detection.
	DetectionID string `json:"detection_id"`
}

// Answer is 200: Atlantis logs every other status as a failure (it compares with
// http.StatusOK).
func (*Source) Answer() int { return http.StatusOK }

// project is what rules name: several projects may share a directory and a workspace.
// Nothing in a name holds two slashes, so a {part} of a pattern ends where it should.
func (p payload) project() string {
	return p.Repo.FullName + "//" + p.Directory + "//" + p.Workspace + "//" + p.ProjectName
}

// change is what was applied: a pull request, or a commit by the API.
func (p payload) change() string {
	if p.Pull.Num > 0 {
		return "#" + strconv.Itoa(p.Pull.Num)
	}
	if p.Pull.HeadCommit != "" {
		return "@" + p.Pull.HeadCommit
	}
	return ""
}

// actor is the identity that wrote the pull request, where identities of its host are known.
func (p payload) actor() string {
	if p.Pull.Author == "" {
		return ""
	}
	switch p.Repo.VCSHost.Type {
	case hostGitHub:
		return "github:" + p.Pull.Author
	case hostGitLab:
		return "gitlab:" + p.Pull.Author
	}
	return ""
}

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery, without the token in it.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	clean, err := redact.Members(body, memberToken)
	if err != nil {
		// It is no JSON, so it is not from Atlantis and holds none of its tokens.
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	ev := schema.Event{
		ID: schema.EventID("webhook", string(clean)), Source: Name, Time: received.UTC(), ContentType: header.Get("Content-Type"), Data: clean,
	}
	var p payload
	switch err := json.Unmarshal(clean, &p); {
	case err == nil && p.Repo.FullName != "":
		ev.Type, ev.Subject, ev.Key = typeApply, p.Pull.URL, p.project()
	case err == nil && p.DetectionID != "":
		ev.Type, ev.Subject = typeDrift, p.DetectionID
	default:
		ev = collectors.Unreadable(Name, header, clean, received)
	}
	return []schema.Event{ev}, nil
}

// Normalize turns an apply into a request.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch ev.Type {
	case typeApply:
	case typeDrift:
		return nil, schema.Ignore("Atlantis drift detection")
	default:
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var p payload
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		return nil, fmt.Errorf("reading an apply: %w", err)
	}
	change := p.change()
	if p.Repo.FullName == "" || p.Repo.VCSHost.Hostname == "" || change == "" || p.Success == nil {
		return nil, errors.New("apply without repository, host, pull request or commit, or Success")
	}
	run := provision.Run{
		Meta: schema.Meta{Source: Name, URL: p.Pull.URL, Version: schema.NewVersion(ev.Time, 0)},
		ID:   Name + ":" + p.Repo.VCSHost.Hostname + "/" + p.project() + change, Actor: p.actor(),
		Status: schema.RequestFailed, CreatedAt: ev.Time,
	}
	if *p.Success {
		run.Status = schema.RequestCompleted
	}
	to, ok := s.rules.Find(p.project())
	if !ok {
		return nil, schema.Ignore("Atlantis project that no rule names")
	}
	return to.Facts(run), nil
}
