package gitlab

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

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

var (
	fullSHA = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)
	zeroSHA = regexp.MustCompile(`^0+$`)
	// versionLike tells a tag from a branch in a deployment's ref.
	versionLike = regexp.MustCompile(`^v?[0-9]+\.[0-9]+.*$`)
)

// pushHook is docs.gitlab.com, Webhook events, Push events.
type pushHook struct {
	envelope
	Ref               string   `json:"ref"`
	Before            string   `json:"before"`
	After             string   `json:"after"`
	Commits           []commit `json:"commits"`
	TotalCommitsCount int      `json:"total_commits_count"`
}

// facts makes the commits that a branch gained. A push does not tell parents; its
// commits are listed in order and lead from before to after, so each is taken to
// follow the one listed before it: what after contains is then right even for
// merges. The REST API and the git source tell the parents themselves.
func (h pushHook) facts() ([]schema.Fact, error) {
	branch, ok := strings.CutPrefix(h.Ref, "refs/heads/")
	switch {
	case h.repo() == "":
		return nil, errNoProject
	case !ok:
		return nil, fmt.Errorf("ref %.80q is no branch", h.Ref)
	case zeroSHA.MatchString(h.After):
		return nil, schema.Ignore("GitLab push that deletes a branch")
	case len(h.Commits) == 0:
		return nil, schema.Ignore("GitLab push without new commits")
	}
	// Branches are rewritten, which a push does not say; the default branch hardly ever.
	previous, rank := "", uint8(rankLoose)
	if branch == h.Project.DefaultBranch && fullSHA.MatchString(h.Before) && !zeroSHA.MatchString(h.Before) {
		previous, rank = h.Before, rankPush
	}
	// Of more than 20 commits the older ones are not listed. Those that are still
	// come after before; the others arrive from the REST API.
	if h.TotalCommitsCount > len(h.Commits) {
		rank = rankLoose
	}
	var out []schema.Fact
	for i, c := range h.Commits {
		f, err := c.fact(h.repo(), rank)
		if err != nil {
			return nil, err
		}
		if previous != "" {
			f.Parents = []string{previous}
		}
		if i == len(h.Commits)-1 && i > 0 && rank == rankPush && strings.HasPrefix(f.Title, "Merge ") {
			f.Parents = []string{h.Before, previous}
		}
		out = append(out, f)
		previous = c.ID
	}
	return out, nil
}

// fact makes a commit without parents.
func (c *commit) fact(repo string, rank uint8) (*schema.Commit, error) {
	if !fullSHA.MatchString(c.ID) {
		return nil, fmt.Errorf("commit id %.80q is no SHA", c.ID)
	}
	authored, committed := c.AuthoredDate, c.CommittedDate
	if committed.IsZero() {
		committed = c.Timestamp
	}
	if authored.IsZero() {
		authored = committed
	}
	if err := need("commit", authored, committed); err != nil {
		return nil, err
	}
	f := &schema.Commit{
		Meta: meta(cmp.Or(c.URL, c.WebURL), committed.Time, rank), Repo: repo, SHA: c.ID,
		AuthoredAt: authored.Time, CommittedAt: committed.Time,
	}
	if c.Added != nil {
		f.Paths, f.PathsKnown = append(append(append([]string{}, *c.Added...), c.Modified...), c.Removed...), 1
	}
	f.Title, f.CherryPickedFrom, f.Reverts = schema.CommitMessage(c.Message)
	return f, nil
}

// tagHook is docs.gitlab.com, Webhook events, Tag events.
type tagHook struct {
	envelope
	Ref         string `json:"ref"`
	After       string `json:"after"`
	CheckoutSHA string `json:"checkout_sha"`
}

// facts makes a tag. The payload has no time of the push, so the tag is of when it
// was received; checkout_sha is the commit, also of an annotated tag.
func (h tagHook) facts(received time.Time) ([]schema.Fact, error) {
	name, ok := strings.CutPrefix(h.Ref, "refs/tags/")
	if h.repo() == "" {
		return nil, errNoProject
	}
	if !ok {
		return nil, fmt.Errorf("ref %.80q is no tag", h.Ref)
	}
	t := &schema.Tag{Meta: meta(h.address()+"/-/tags/"+name, received, 0), Repo: h.repo(), Name: name, TaggedAt: received}
	switch {
	case zeroSHA.MatchString(h.After):
		t.Deleted = 1
	case fullSHA.MatchString(h.CheckoutSHA):
		t.Commit = h.CheckoutSHA
	default:
		return nil, errors.New("a pushed tag has no checkout_sha")
	}
	return []schema.Fact{t}, nil
}

// releaseHook is docs.gitlab.com, Webhook events, Release events.
type releaseHook struct {
	envelope
	Action    string `json:"action"`
	Tag       string `json:"tag"`
	URL       string `json:"url"`
	CreatedAt moment `json:"created_at"`
	Commit    commit `json:"commit"`
}

// facts makes a tag of a release; deleting the release leaves the tag.
func (h releaseHook) facts() ([]schema.Fact, error) {
	switch {
	case h.repo() == "":
		return nil, errNoProject
	case h.Action == "delete":
		return nil, schema.Ignore("GitLab release that is deleted")
	case h.Tag == "" || !fullSHA.MatchString(h.Commit.ID):
		return nil, errors.New("a release has no tag or no commit")
	}
	if err := need("release", h.CreatedAt); err != nil {
		return nil, err
	}
	return []schema.Fact{&schema.Tag{
		Meta: meta(h.URL, h.CreatedAt.Time, 0), Repo: h.repo(), Name: h.Tag, Commit: h.Commit.ID, TaggedAt: h.CreatedAt.Time,
	}}, nil
}
