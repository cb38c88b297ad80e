package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/schema"
)

// renamedPayload is the webhook "repository", and the envelope of a name that the
// REST API gives and that differs from the last.
type renamedPayload struct {
	Action     string `json:"action"`
	Repository struct {
		repository
		Name      string    `json:"name"`
		CreatedAt moment    `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	} `json:"repository"`
	Changes struct {
		Repository struct {
			Name struct {
				From string `json:"from"`
			} `json:"name"`
		} `json:"repository"`
		Owner struct {
			From struct {
				User         *user `json:"user"`
				Organization *user `json:"organization"`
			} `json:"from"`
		} `json:"owner"`
	} `json:"changes"`
	// Before and Since are only in the envelope.
	Before string    `json:"before"`
	Since  time.Time `json:"since"`
}

// renaming makes the name of a repository. What is deleted or archived keeps its past,
// so that is no fact.
func renaming(ev schema.Event, data []byte) ([]schema.Fact, error) {
	var p renamedPayload
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("reading repository: %w", err)
	}
	r := p.Repository
	if r.HTMLURL == "" {
		return nil, errors.New("no repository.html_url")
	}
	host, path, _ := strings.Cut(r.id(), "/")
	owner, name, _ := strings.Cut(path, "/")
	at := r.UpdatedAt
	var before string
	switch {
	case !p.Since.IsZero():
		before, at = p.Before, p.Since
	case p.Action == "created":
		// Whoever had the name before has another since.
		at = r.CreatedAt.Time
	case p.Action == "renamed":
		name = p.Changes.Repository.Name.From
		before = schema.RepoID(host + "/" + owner + "/" + name)
	case p.Action == "transferred":
		from := p.Changes.Owner.From.Organization
		if from == nil {
			from = p.Changes.Owner.From.User
		}
		if from != nil {
			owner = from.Login
		}
		before = schema.RepoID(host + "/" + owner + "/" + name)
	default:
		return nil, schema.Ignore("GitHub repository " + p.Action)
	}
	if p.Action != "created" && (name == "" || owner == "" || before == "") {
		return nil, errors.New("a repository was renamed and does not say from what")
	}
	if before == r.id() {
		return nil, schema.Ignore("GitHub repository renamed to the same name")
	}
	if r.ID == 0 {
		return nil, errors.New("a repository has no id")
	}
	if at.IsZero() {
		at = ev.Time
	}
	return []schema.Fact{&schema.RepoName{
		Meta: meta(r.HTMLURL, at, 0), UID: host + ":" + strconv.FormatInt(r.ID, 10), Since: at, Repo: r.id(), Before: before,
	}}, nil
}

// renamed tells of repositories that have another name than at the last look, or than
// the configuration says, and goes on in their lists where it was.
func (p *poller) renamed(ctx context.Context, cur *cursor, repos []repository, emit collectors.Emit) error {
	if cur.Names == nil {
		cur.Names = map[int64]string{}
	}
	for _, r := range repos {
		had := cur.Names[r.ID]
		if had == "" {
			had = p.asked[r.ID]
		}
		if r.ID == 0 || had == r.FullName {
			continue
		}
		if had != "" && !strings.EqualFold(had, r.FullName) {
			host, _, _ := strings.Cut(r.id(), "/")
			now := p.now().UTC().Truncate(time.Millisecond)
			if err := forge.Tell(ctx, emit, Name, "repository", r.id(), now, map[string]any{
				"repository": map[string]any{"id": r.ID, "html_url": r.HTMLURL, "full_name": r.FullName},
				"before":     schema.RepoID(host + "/" + had), "since": now,
			}, strconv.FormatInt(r.ID, 10), had, r.FullName, now.Format(time.RFC3339Nano)); err != nil {
				return err
			}
			if cur.Repositories[r.FullName] == nil && cur.Repositories[had] != nil {
				cur.Repositories[r.FullName] = cur.Repositories[had]
				delete(cur.Repositories, had)
			}
		}
		cur.Names[r.ID] = r.FullName
	}
	return nil
}
