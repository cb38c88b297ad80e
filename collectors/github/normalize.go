package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/pick"
	"github.com/headway-metrics/headway/schema"
)

// Normalize implements collectors.Source.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	name, ok := strings.CutPrefix(ev.Type, Name+".")
	if !ok || name == "unreadable" {
		return nil, fmt.Errorf("event type %s is none of GitHub's", ev.Type)
	}
	data, err := payloadJSON(ev)
	if err != nil {
		return nil, err
	}
	if name == "rest.team" || name == "rest.codeowners" || slices.Contains(ownersEvents(), name) {
		return s.owners(name, ev, data)
	}
	if name == "rest.sso" {
		return identities(ev, data)
	}
	if name == "repository" || name == "rest.repository" {
		return renaming(ev, data)
	}
	if kind, rest := strings.CutPrefix(name, "rest."); rest {
		return s.facts(kind, data)
	}
	switch name {
	case "push", "pull_request", "pull_request_review", "deployment", "deployment_status", "workflow_run", "issues", "release":
		return s.facts(name, data)
	}
	if slices.Contains(alertEvents(), name) {
		return alertFacts(name, data)
	}
	// A body that is no object is damaged, whatever its event would have been.
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil {
		return nil, fmt.Errorf("the payload of %s is no JSON object", name)
	}
	return nil, schema.Ignore("GitHub event " + name)
}

// facts makes the facts of one kind of payload.
func (s *Source) facts(kind string, data []byte) ([]schema.Fact, error) {
	var p payload
	if err := pick.Decode(data, s.read, &p); err != nil {
		return nil, fmt.Errorf("reading %s: %w", kind, err)
	}
	if p.Repository.HTMLURL == "" {
		return nil, errors.New("no repository.html_url")
	}
	missing := fmt.Errorf("the payload has no %s", kind)
	switch kind {
	case "push":
		return p.push()
	case "commit":
		if p.RESTCommit == nil {
			return nil, missing
		}
		return p.commit()
	case "pull_request":
		if p.PullRequest == nil {
			return nil, missing
		}
		return p.change()
	case "pull_request_review":
		if p.Review == nil || p.PullRequest == nil {
			return nil, missing
		}
		return p.review()
	case "deployment":
		if p.Deployment == nil {
			return nil, missing
		}
		return p.deployed()
	case "deployment_status":
		if p.Deployment == nil || p.DeploymentStatus == nil {
			return nil, missing
		}
		return p.deploymentState(*p.DeploymentStatus, nil)
	case "workflow_run":
		if p.WorkflowRun == nil {
			return nil, missing
		}
		return s.run(p)
	case "issues":
		if p.Issue == nil {
			return nil, missing
		}
		return s.issue(p)
	case "release":
		if p.Release == nil {
			return nil, missing
		}
		return p.tagged()
	}
	return nil, fmt.Errorf("event type %s is unknown", kind)
}

func meta(url string, changed time.Time, rank uint8) schema.Meta {
	return schema.Meta{Source: Name, URL: url, Version: schema.NewVersion(changed, rank)}
}

// need returns an error when one of the times is not set: without it the fact
// would have no place in time.
func need(what string, times ...time.Time) error {
	for _, t := range times {
		if t.IsZero() {
			return fmt.Errorf("%s has no time", what)
		}
	}
	return nil
}
