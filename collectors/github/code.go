package github

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// Ranks of a commit's row: one that guesses the first parent loses to one that
// knows where the push began, and both to the parents themselves. Rows of the
// git source, which also knows paths, rank above all of these.
const (
	rankLoose   = 0
	rankPush    = 1
	rankParents = 2
)

// maxPushCommits is how many commits GitHub lists of one push.
const maxPushCommits = 2048

var (
	fullSHA = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	// The revert button writes "Reverts owner/name#12" into the new request.
	revertLine = regexp.MustCompile(`(?im)^\s*reverts\s+([\w.-]+/[\w.-]+)?#([0-9]+)\s*$`)
)

// push makes a tag, or the commits that a branch gained.
func (p *payload) push() ([]schema.Fact, error) {
	if tag, ok := strings.CutPrefix(p.Ref, "refs/tags/"); ok {
		return p.pushedTag(tag)
	}
	switch {
	case !strings.HasPrefix(p.Ref, "refs/heads/"):
		return nil, fmt.Errorf("ref %.80q is neither a branch nor a tag", p.Ref)
	case p.Deleted:
		return nil, schema.Ignore("GitHub push that deletes a branch")
	case len(p.Commits) == 0:
		return nil, schema.Ignore("GitHub push without new commits")
	}
	// A push does not tell parents. Its commits are listed in order and lead from
	// before to after, so each is taken to follow the one listed before it: what
	// after contains is then right even for merges. The REST API and the git
	// source tell the parents themselves.
	previous, rank := p.Before, uint8(rankPush)
	if p.Created || p.Forced || !fullSHA.MatchString(p.Before) || len(p.Commits) >= maxPushCommits {
		previous, rank = "", rankLoose
	}
	var out []schema.Fact
	for i, c := range p.Commits {
		if !fullSHA.MatchString(c.ID) {
			return nil, fmt.Errorf("commit id %.80q is no SHA", c.ID)
		}
		if err := need("commit", c.Timestamp); err != nil {
			return nil, err
		}
		f := &schema.Commit{
			Meta: meta(c.URL, c.Timestamp, rank), Repo: p.Repository.id(), SHA: c.ID,
			AuthoredAt: c.Timestamp, CommittedAt: c.Timestamp,
			Paths: append(append(append([]string{}, c.Added...), c.Modified...), c.Removed...), PathsKnown: 1,
		}
		if previous != "" {
			f.Parents = []string{previous}
		}
		f.Title, f.CherryPickedFrom, f.Reverts = schema.CommitMessage(c.Message)
		if i == len(p.Commits)-1 && i > 0 && rank == rankPush && strings.HasPrefix(f.Title, "Merge ") {
			f.Parents = []string{p.Before, previous}
		}
		out = append(out, f)
		previous = c.ID
	}
	return out, nil
}

// pushedTag makes a tag; of an annotated one the head commit is what it names.
func (p *payload) pushedTag(name string) ([]schema.Fact, error) {
	if err := need("repository.pushed_at", p.Repository.PushedAt.Time); err != nil {
		return nil, err
	}
	at := p.Repository.PushedAt.Time
	t := &schema.Tag{Meta: meta(p.Repository.HTMLURL+"/tree/"+name, at, 0), Repo: p.Repository.id(), Name: name, TaggedAt: at}
	switch {
	case p.Deleted:
		t.Deleted = 1
	case p.HeadCommit != nil && fullSHA.MatchString(p.HeadCommit.ID):
		t.Commit = p.HeadCommit.ID
	default:
		return nil, errors.New("a pushed tag has no head commit")
	}
	return []schema.Fact{t}, nil
}

// tagged makes a tag of a release that names its commit; mostly it names a
// branch, and the push of the tag tells the commit.
func (p *payload) tagged() ([]schema.Fact, error) {
	r := p.Release
	switch {
	case p.Action != "published":
		return nil, schema.Ignore("GitHub release other than published")
	case r.Draft || r.PublishedAt == nil || !fullSHA.MatchString(r.TargetCommitish):
		return nil, schema.Ignore("GitHub release that names no commit")
	case r.TagName == "":
		return nil, errors.New("a release has no tag")
	}
	return []schema.Fact{&schema.Tag{
		Meta: meta(r.HTMLURL, *r.PublishedAt, 0), Repo: p.Repository.id(), Name: r.TagName,
		Commit: r.TargetCommitish, TaggedAt: *r.PublishedAt,
	}}, nil
}

// commit makes a commit of the REST API, which knows its parents.
func (p *payload) commit() ([]schema.Fact, error) {
	c := p.RESTCommit
	if !fullSHA.MatchString(c.SHA) {
		return nil, fmt.Errorf("commit id %.80q is no SHA", c.SHA)
	}
	if err := need("commit", c.Commit.Author.Date, c.Commit.Committer.Date); err != nil {
		return nil, err
	}
	f := &schema.Commit{
		Meta: meta(c.HTMLURL, c.Commit.Committer.Date, rankParents), Repo: p.Repository.id(), SHA: c.SHA,
		AuthoredAt: c.Commit.Author.Date, CommittedAt: c.Commit.Committer.Date,
	}
	for _, parent := range c.Parents {
		f.Parents = append(f.Parents, parent.SHA)
	}
	f.Title, f.CherryPickedFrom, f.Reverts = schema.CommitMessage(c.Commit.Message)
	return []schema.Fact{f}, nil
}

func (p *payload) changeID(number uint64) string {
	return fmt.Sprintf("%s#%d", p.Repository.id(), number)
}

// change makes a pull request. Whether it is merged is told by merged_at alone:
// one that was closed unmerged still has the merge_commit_sha of a test merge.
func (p *payload) change() ([]schema.Fact, error) {
	q := p.PullRequest
	if q.Number == 0 {
		return nil, errors.New("a pull request has no number")
	}
	if err := need("pull request", q.CreatedAt, q.UpdatedAt); err != nil {
		return nil, err
	}
	c := &schema.Change{
		Meta: meta(q.HTMLURL, q.UpdatedAt, 0), Repo: p.Repository.id(), ChangeID: p.changeID(q.Number), Number: q.Number,
		Title: q.Title, Author: q.User.ref(), AuthorIsBot: q.User.isBot(), State: schema.ChangeOpen,
		OpenedAt: q.CreatedAt, MergedAt: q.MergedAt, ClosedAt: q.ClosedAt,
		HeadSHA: q.Head.SHA, BaseSHA: q.Base.SHA, BaseBranch: q.Base.Ref, HeadBranch: q.Head.Ref,
		CommitCount: max(q.Commits, p.CommitCount), Labels: labelNames(q.Labels), Reverts: p.reverts(q.Body),
	}
	switch {
	case q.MergedAt != nil:
		c.State, c.MergeSHA = schema.ChangeMerged, q.MergeCommitSHA
	case q.State == "closed":
		c.State = schema.ChangeClosed
	}
	if f := p.FirstCommit; f != nil && !f.Commit.Author.Date.IsZero() {
		at := f.Commit.Author.Date
		c.FirstCommitAt = &at
		// The same state read through the API knows more than the webhook's.
		c.Version = schema.NewVersion(q.UpdatedAt, 1)
	}
	return []schema.Fact{c}, nil
}

// reverts reads what a request's text says that it takes back.
func (p *payload) reverts(body string) []string {
	_, _, out := schema.CommitMessage(body)
	for _, m := range revertLine.FindAllStringSubmatch(body, -1) {
		repo := p.Repository.id()
		if m[1] != "" {
			host, _, _ := strings.Cut(repo, "/")
			repo = host + "/" + strings.ToLower(m[1])
		}
		out = append(out, repo+"#"+m[2])
	}
	return out
}

// review makes a submitted review.
func (p *payload) review() ([]schema.Fact, error) {
	r := p.Review
	state := strings.ToLower(r.State)
	if state == "pending" || r.SubmittedAt == nil {
		return nil, schema.Ignore("GitHub review that is not submitted")
	}
	if r.ID == 0 || p.PullRequest.Number == 0 {
		return nil, errors.New("a review has no id or no pull request")
	}
	rank := uint8(0)
	if state == "dismissed" {
		rank = 1
	}
	change := p.changeID(p.PullRequest.Number)
	return []schema.Fact{&schema.Review{
		Meta: meta(r.HTMLURL, *r.SubmittedAt, rank), Repo: p.Repository.id(), ChangeID: change,
		ReviewID: fmt.Sprintf("%s/review/%d", change, r.ID), Reviewer: r.User.ref(), ReviewerIsBot: r.User.isBot(),
		State: state, SubmittedAt: *r.SubmittedAt,
	}}, nil
}
