package gitlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/sso"
	"github.com/headway-metrics/headway/schema"
)

// Normalize implements collectors.Source.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	kind, ok := strings.CutPrefix(ev.Type, Name+".")
	if !ok || kind == "unreadable" {
		return nil, fmt.Errorf("event type %s is none of GitLab's", ev.Type)
	}
	switch kind {
	case "push":
		return facts(ev.Data, pushHook.facts)
	case "tag_push":
		return facts(ev.Data, func(h tagHook) ([]schema.Fact, error) { return h.facts(ev.Time) })
	case "merge_request":
		return facts(ev.Data, mergeRequestHook.facts)
	case "pipeline":
		return facts(ev.Data, pipelineHook.facts)
	case "build":
		return facts(ev.Data, jobHook.facts)
	case "deployment":
		return facts(ev.Data, deploymentHook.facts)
	case "issue", "work_item":
		return facts(ev.Data, func(h issueHook) ([]schema.Fact, error) { return h.facts(s.labels) })
	case "release":
		return facts(ev.Data, releaseHook.facts)
	case "vulnerability":
		return facts(ev.Data, vulnerabilityHook.facts)
	case "rest.merge_request":
		return facts(ev.Data, restMergeRequest.facts)
	case "rest.approval":
		return facts(ev.Data, restMergeRequest.approval)
	case "rest.commit":
		return facts(ev.Data, restCommit.facts)
	case "rest.tag":
		return facts(ev.Data, restTag.facts)
	case "rest.pipeline":
		return facts(ev.Data, restPipeline.facts)
	case "rest.deployment":
		return facts(ev.Data, restDeployed.facts)
	case "rest.issue":
		return facts(ev.Data, func(r restIssue) ([]schema.Fact, error) { return r.facts(s.labels) })
	case "rest.group":
		return facts(ev.Data, func(g restGroup) ([]schema.Fact, error) { return s.group(g, ev) })
	case "rest.sso":
		return facts(ev.Data, func(c sso.Change) ([]schema.Fact, error) {
			return c.Facts(Name, ev.Time, func(name string) string { return (&user{Username: name}).ref() })
		})
	case "rest.codeowners":
		return facts(ev.Data, func(f restFile) ([]schema.Fact, error) { return s.codeowners(f, ev) })
	case "project_create", "project_rename", "project_transfer", "rest.project":
		return facts(ev.Data, s.named)
	}
	if strings.HasPrefix(kind, "rest.") || !kindName.MatchString(kind) {
		return nil, fmt.Errorf("event type %s is unknown", ev.Type)
	}
	// A body that is no object is damaged, whatever its event would have been.
	var object map[string]json.RawMessage
	if err := json.Unmarshal(ev.Data, &object); err != nil || object == nil {
		return nil, fmt.Errorf("the payload of %s is no JSON object", kind)
	}
	return nil, schema.Ignore("GitLab event " + kind)
}

var errNoProject = errors.New("no project.web_url")

// facts decodes a payload for the function that reads it.
func facts[T any](data []byte, read func(T) ([]schema.Fact, error)) ([]schema.Fact, error) {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("reading the payload: %w", err)
	}
	return read(v)
}

func meta(url string, changed time.Time, rank uint8) schema.Meta {
	return schema.Meta{Source: Name, URL: url, Version: schema.NewVersion(changed, rank)}
}

// need returns an error when one of the times is not set: without it the fact
// would have no place in time.
func need(what string, times ...moment) error {
	for _, t := range times {
		if t.IsZero() {
			return fmt.Errorf("%s has no time", what)
		}
	}
	return nil
}

// The rank of a state inside one instant. Webhooks write times to the second and
// the REST API to the millisecond, so versions are of whole seconds, in which a
// later state beats an earlier one and, of the same, the fuller row the other.
const (
	rankOpen    = 0
	rankStarted = 2
	rankEnded   = 4
	// rankFuller is added by a row that knows more than a webhook.
	rankFuller = 1
	rankGone   = 7
)

func seconds(t moment) time.Time { return t.Truncate(time.Second) }
