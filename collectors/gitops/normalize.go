package gitops

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/git"
	"github.com/headway-metrics/headway/schema"
)

// Types of event.
const (
	typePromotion = Name + ".file"
	// typeWithdrawn says that a commit is no longer in the branch's history.
	typeWithdrawn = Name + ".withdrawn"
)

// change is the payload: a file before and after a commit.
type change struct {
	Repo        string    `json:"repo"`
	Branch      string    `json:"branch,omitempty"`
	Commit      string    `json:"commit"`
	CommittedAt time.Time `json:"committed_at"`
	Path        string    `json:"path"`
	// Before is the last state of the file that was valid YAML, at this path or at
	// the one that it was moved from; null when there was none.
	Before []byte `json:"before"`
	// After is null when the file was deleted.
	After []byte `json:"after"`
	// TooLarge files are not read.
	TooLarge bool `json:"too_large,omitempty"`
}

// Normalize turns the change of a file into the deployments that it is.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typePromotion && ev.Type != typeWithdrawn {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var c change
	if err := json.Unmarshal(ev.Data, &c); err != nil {
		return nil, fmt.Errorf("reading the change of a file: %w", err)
	}
	if c.Repo == "" || c.Commit == "" || c.Path == "" || c.CommittedAt.IsZero() {
		return nil, errors.New("change of a file without repository, commit, time or path")
	}
	rules := s.matching(c)
	switch {
	case len(rules) == 0:
		return nil, schema.Ignore("no rule names the file")
	case c.TooLarge && ev.Type == typePromotion:
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFile)
	case c.After == nil:
		return nil, schema.Ignore("file deleted")
	}
	withdrawn := ev.Type == typeWithdrawn
	after, err := parseYAML(c.After)
	if err != nil && withdrawn {
		return nil, schema.Ignore("withdrawn file was never read")
	}
	if err != nil {
		return nil, err
	}
	var before *file
	if c.Before != nil && !withdrawn {
		if before, err = parseYAML(c.Before); err != nil {
			return nil, fmt.Errorf("before the change: %w", err)
		}
	}
	var out []schema.Fact
	for _, r := range rules {
		value, ok := after.value(r.key)
		if !ok || value == "" {
			continue
		}
		if before != nil {
			if was, ok := before.value(r.key); ok && was == value {
				continue
			}
		}
		d := promotion(r, c, value)
		// What was seen last counts: a commit can be taken back by a forced push.
		d.Meta = schema.Meta{Source: Name, URL: git.WebCommit(c.Repo, c.Commit), Version: schema.NewVersion(ev.Time, 0)}
		if withdrawn {
			d.Deleted = 1
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return nil, schema.Ignore("version not changed")
	}
	return out, nil
}

func (s *Source) matching(c change) []rule {
	var out []rule
	for _, r := range s.repos {
		if r.id != c.Repo || r.branch != c.Branch {
			continue
		}
		for _, rule := range r.rules {
			if _, ok := rule.files.match(c.Path); ok {
				out = append(out, rule)
			}
		}
	}
	return out
}

func promotion(r rule, c change, value string) *schema.Deployment {
	vars, _ := r.vars(c.Path)
	at := c.CommittedAt
	d := &schema.Deployment{
		DeploymentID: strings.Join([]string{Name, c.Repo, c.Commit, c.Path, r.Key, vars["environment"], vars["service"]}, ":"),
		ServiceRef:   vars["service"], Environment: vars["environment"],
		Version: ImageVersion(value), Commit: CommitOf(value),
		Status: schema.StatusSuccess, CreatedAt: at, FinishedAt: &at,
	}
	if r.ServiceRepo != "" {
		d.Repo = schema.RepoID(expand(r.ServiceRepo, vars))
	}
	return d
}

// ImageVersion is the tag of an image reference, or the value itself; an image
// known by its digest alone is named by the digest.
func ImageVersion(value string) string {
	name, digest, pinned := strings.Cut(value, "@")
	if !pinned && !strings.Contains(value, "/") {
		return value
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[i+1:]
	}
	if pinned {
		return digest
	}
	return value
}

var sha = regexp.MustCompile(`(?:^|[^0-9a-f])([0-9a-f]{40})(?:[^0-9a-f]|$)`)

// abbreviated is a short commit id at the end of a version: main-3f2a9c1, or
// v1.2-5-g3f2a9c1 as git describe writes it.
var abbreviated = regexp.MustCompile(`[-_.]g?([0-9a-f]{7,39})$`)

// CommitOf is the commit id that a version holds, whole or abbreviated, or "". A
// version that is nothing but a short id or a tag stays a version; the pipeline
// resolves all of them, as it knows the service's repository.
func CommitOf(value string) string {
	version := ImageVersion(value)
	if strings.HasPrefix(version, "sha256:") {
		return ""
	}
	if m := sha.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	// Digits alone are rather a date or the number of a build.
	if m := abbreviated.FindStringSubmatch(version); m != nil && strings.ContainsAny(m[1], "abcdef") && strings.ContainsAny(m[1], "0123456789") {
		return m[1]
	}
	return ""
}
