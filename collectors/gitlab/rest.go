package gitlab

import (
	"cmp"
	"errors"
	"strings"

	"github.com/headway-metrics/headway/collectors/label"
	"github.com/headway-metrics/headway/schema"
)

// The objects of the REST API that webhooks have no like of, and the envelopes in
// which a poll emits them.

// note of a merge request.
type note struct {
	ID        int64  `json:"id"`
	Body      string `json:"body"`
	System    bool   `json:"system"`
	Author    *user  `json:"author"`
	CreatedAt moment `json:"created_at"`
}

type restMergeRequest struct {
	envelope
	MergeRequest *mergeRequest `json:"merge_request"`
	FirstCommit  *commit       `json:"first_commit"`
	CommitCount  uint32        `json:"commit_count"`
	// Note is the one that tells of an approval.
	Note *note `json:"note"`
}

func (r restMergeRequest) facts() ([]schema.Fact, error) {
	if err := r.check(r.MergeRequest != nil, "merge_request"); err != nil {
		return nil, err
	}
	c, err := r.MergeRequest.change(r.repo(), rankFuller)
	if err != nil {
		return nil, err
	}
	c.CommitCount = r.CommitCount
	if r.FirstCommit != nil {
		c.FirstCommitAt = r.FirstCommit.AuthoredDate.ptr()
	}
	return []schema.Fact{c}, nil
}

// approval makes the review of a note.
func (r restMergeRequest) approval() ([]schema.Fact, error) {
	if err := r.check(r.MergeRequest != nil && r.Note != nil, "merge_request or note"); err != nil {
		return nil, err
	}
	m, n := r.MergeRequest, r.Note
	if m.IID == 0 || n.Author.ref() == "" {
		return nil, errors.New("an approval has no iid or no author")
	}
	if err := need("approval", n.CreatedAt); err != nil {
		return nil, err
	}
	if n.Author.ref() == m.Author.ref() {
		return nil, schema.Ignore("GitLab approval of one's own merge request")
	}
	c := &schema.Change{Meta: schema.Meta{URL: m.WebURL}, Repo: r.repo(), ChangeID: changeID(r.repo(), m.IID)}
	return []schema.Fact{approval(c, n.Author, n.CreatedAt.Time)}, nil
}

// check that an envelope holds what its type says.
func (e *envelope) check(has bool, what string) error {
	if e.repo() == "" {
		return errNoProject
	}
	if !has {
		return errors.New("the envelope has no " + what)
	}
	return nil
}

type restCommit struct {
	envelope
	Commit *commit `json:"commit"`
}

func (r restCommit) facts() ([]schema.Fact, error) {
	if err := r.check(r.Commit != nil, "commit"); err != nil {
		return nil, err
	}
	f, err := r.Commit.fact(r.repo(), rankParents)
	if err != nil {
		return nil, err
	}
	f.Parents = append([]string{}, r.Commit.ParentIDs...)
	return []schema.Fact{f}, nil
}

type tag struct {
	Name      string `json:"name"`
	CreatedAt moment `json:"created_at"`
	Commit    commit `json:"commit"`
}

// at is when the tag was made; of one without annotation only the commit has a time.
func (t *tag) at() moment {
	if t.CreatedAt.IsZero() {
		return t.Commit.CommittedDate
	}
	return t.CreatedAt
}

type restTag struct {
	envelope
	Tag *tag `json:"tag"`
}

func (r restTag) facts() ([]schema.Fact, error) {
	if err := r.check(r.Tag != nil, "tag"); err != nil {
		return nil, err
	}
	t := r.Tag
	if t.Name == "" || !fullSHA.MatchString(t.Commit.ID) {
		return nil, errors.New("a tag has no name or no commit")
	}
	if err := need("tag", t.at()); err != nil {
		return nil, err
	}
	return []schema.Fact{&schema.Tag{
		Meta: meta(r.address()+"/-/tags/"+t.Name, t.at().Time, 0), Repo: r.repo(), Name: t.Name, Commit: t.Commit.ID, TaggedAt: t.at().Time,
	}}, nil
}

type restPipeline struct {
	envelope
	Pipeline *pipeline `json:"pipeline"`
}

func (r restPipeline) facts() ([]schema.Fact, error) {
	if err := r.check(r.Pipeline != nil, "pipeline"); err != nil {
		return nil, err
	}
	b, err := r.Pipeline.build(&r.envelope, rankFuller)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, schema.Ignore("GitLab pipeline that is skipped")
	}
	return []schema.Fact{b}, nil
}

// restDeployment is docs.gitlab.com, Deployments API.
type restDeployment struct {
	ID          int64       `json:"id"`
	Ref         string      `json:"ref"`
	SHA         string      `json:"sha"`
	Status      string      `json:"status"`
	CreatedAt   moment      `json:"created_at"`
	UpdatedAt   moment      `json:"updated_at"`
	Environment environment `json:"environment"`
	// Deployable is the job, if one made the deployment.
	Deployable *struct {
		job
		Tag bool `json:"tag"`
	} `json:"deployable"`
}

type restDeployed struct {
	envelope
	Deployment *restDeployment `json:"deployment"`
	Tier       string          `json:"tier"`
}

func (r restDeployed) facts() ([]schema.Fact, error) {
	if err := r.check(r.Deployment != nil, "deployment"); err != nil {
		return nil, err
	}
	g := r.Deployment
	status, rank, err := statusOf(g.Status)
	switch {
	case err != nil:
		return nil, err
	case status == "":
		return nil, schema.Ignore("GitLab deployment that is skipped")
	case g.Environment.Name == "":
		return nil, errors.New("a deployment has no environment")
	}
	if err := need("deployment", g.CreatedAt, g.UpdatedAt); err != nil {
		return nil, err
	}
	d := &schema.Deployment{
		Repo: r.repo(), Environment: g.Environment.Name, TierHint: r.Tier, Status: status, CreatedAt: g.CreatedAt.Time,
	}
	var made int64
	var url string
	tagged := false
	finished := g.UpdatedAt
	if j := g.Deployable; j != nil {
		made, url, tagged, d.StartedAt = j.ID, j.WebURL, j.Tag, j.StartedAt.ptr()
		if !j.FinishedAt.IsZero() {
			finished = j.FinishedAt
		}
	}
	if rank == rankEnded {
		d.FinishedAt = finished.ptr()
	}
	if d.DeploymentID, err = deploymentID(r.repo(), g.ID, made, made != 0); err != nil {
		return nil, err
	}
	d.Meta = meta(cmp.Or(url, r.address()+"/-/environments"), seconds(g.UpdatedAt), rank+rankFuller)
	setCommit(d, g.SHA, g.Ref, tagged)
	return []schema.Fact{d}, nil
}

// stateEvent is docs.gitlab.com, Resource state events API.
type stateEvent struct {
	State     string `json:"state"`
	CreatedAt moment `json:"created_at"`
}

type restIssue struct {
	envelope
	Issue  *issue       `json:"issue"`
	States []stateEvent `json:"state_events"`
}

func (r restIssue) facts(rules label.Rules) ([]schema.Fact, error) {
	if err := r.check(r.Issue != nil, "issue"); err != nil {
		return nil, err
	}
	i := r.Issue
	if ignored := i.ignored(); ignored != nil {
		return nil, ignored
	}
	out, err := i.facts(r.repo(), rules, nil, rankFuller)
	if err != nil || i.ticketType(rules) != schema.TicketIncident || i.MovedToID != 0 {
		return out, err
	}
	known := map[string]bool{}
	for _, f := range out {
		known[f.FactID()] = true
	}
	for _, s := range r.States {
		kind := ""
		switch strings.ToLower(s.State) {
		case "closed":
			kind = schema.IncidentResolved
		case "reopened":
			kind = schema.IncidentReopened
		}
		if kind == "" || s.CreatedAt.IsZero() {
			continue
		}
		if u := i.update(r.repo(), kind, s.CreatedAt.Time); !known[u.FactID()] {
			known[u.FactID()] = true
			out = append(out, u)
		}
	}
	return out, nil
}
