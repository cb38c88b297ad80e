package gitlab

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// revertLine is what the revert button of a merge request writes; that of a
// commit writes what git writes.
var revertLine = regexp.MustCompile(`(?i)this reverts merge request ([\w./-]+)?!([0-9]+)`)

// mergeRequestHook is docs.gitlab.com, Webhook events, Merge request events.
type mergeRequestHook struct {
	envelope
	Attributes *mergeRequest `json:"object_attributes"`
	Labels     labels        `json:"labels"`
	Assignees  []user        `json:"assignees"`
	Reviewers  []user        `json:"reviewers"`
}

// facts makes the request, and the approval that the webhook may tell of.
func (h mergeRequestHook) facts() ([]schema.Fact, error) {
	m := h.Attributes
	if h.repo() == "" {
		return nil, errNoProject
	}
	if m == nil {
		return nil, errors.New("the payload has no object_attributes")
	}
	if h.Labels != nil {
		m.Labels = h.Labels
	}
	m.Author = h.author()
	var out []schema.Fact
	c, err := m.change(h.repo(), 0)
	if err != nil {
		return nil, err
	}
	// Only the webhook of the merge tells when it was, as its updated_at. A later
	// one would move the merge to its own time.
	late := false
	switch c.State {
	case schema.ChangeMerged:
		if m.Action == "merge" && c.MergedAt == nil {
			c.MergedAt = m.UpdatedAt.ptr()
		}
		late = c.MergedAt == nil
	case schema.ChangeClosed:
		if m.Action == "close" && c.ClosedAt == nil {
			c.ClosedAt = m.UpdatedAt.ptr()
		}
		late = c.ClosedAt == nil
	}
	if !late {
		out = append(out, c)
	}
	if (m.Action == "approved" || m.Action == "approval") && h.User.ref() != "" && h.User.ID != m.AuthorID {
		out = append(out, approval(c, h.User, m.UpdatedAt.Time))
	}
	if len(out) == 0 {
		return nil, schema.Ignore("GitLab merge request changed after it was " + c.State)
	}
	return out, nil
}

// author of the request, whom a webhook only gives a number; the name is known
// when the author is one of those that it names.
func (h *mergeRequestHook) author() *user {
	known := slices.Concat(h.Assignees, h.Reviewers)
	if h.User != nil {
		known = append(known, *h.User)
	}
	for i := range known {
		if known[i].ID != 0 && known[i].ID == h.Attributes.AuthorID {
			return &known[i]
		}
	}
	return nil
}

// change makes a merge request in the project that it is merged into. fuller is
// rankFuller for one that the REST API tells.
func (m *mergeRequest) change(repo string, fuller uint8) (*schema.Change, error) {
	if m.IID == 0 {
		return nil, errors.New("a merge request has no iid")
	}
	if err := need("merge request", m.CreatedAt, m.UpdatedAt); err != nil {
		return nil, err
	}
	c := &schema.Change{
		Repo: repo, ChangeID: changeID(repo, m.IID), Number: m.IID, Title: m.Title, Author: m.Author.ref(), AuthorIsBot: m.Author.isBot(),
		OpenedAt: m.CreatedAt.Time, MergedAt: m.MergedAt.ptr(), ClosedAt: m.ClosedAt.ptr(), HeadSHA: cmp.Or(m.SHA, m.LastCommit.ID),
		BaseBranch: m.TargetBranch, HeadBranch: m.headBranch(), Labels: append([]string{}, m.Labels...), Reverts: m.reverts(repo),
	}
	rank := fuller
	switch m.State {
	case "opened", "locked":
		// A request is locked while it is being merged.
		c.State = schema.ChangeOpen
		rank += rankOpen
	case "closed":
		c.State = schema.ChangeClosed
		rank += rankStarted
	case "merged":
		c.State, c.MergeSHA = schema.ChangeMerged, m.result()
		rank += rankEnded
	default:
		return nil, fmt.Errorf("merge request state %.40q is unknown", m.State)
	}
	c.Meta = meta(cmp.Or(m.URL, m.WebURL), seconds(m.UpdatedAt), rank)
	return c, nil
}

// result is the commit that the merge left on the target branch: a merge commit,
// else a squash, else, after a fast-forward, the head itself. A squash that was
// fast-forwarded may be missing in a webhook; the REST API knows it.
func (m *mergeRequest) result() string {
	if m.MergeCommitSHA == "" && m.SquashCommitSHA == "" && m.Squash {
		return ""
	}
	return cmp.Or(m.MergeCommitSHA, m.SquashCommitSHA, m.SHA, m.LastCommit.ID)
}

// headBranch is the source branch. That of a fork is another branch than one of
// the same name here, so it is written with the fork's number.
func (m *mergeRequest) headBranch() string {
	if m.SourceProjectID == m.TargetProjectID || m.SourceBranch == "" {
		return m.SourceBranch
	}
	return fmt.Sprintf("%d:%s", m.SourceProjectID, m.SourceBranch)
}

// reverts reads what a request's text says that it takes back.
func (m *mergeRequest) reverts(repo string) []string {
	_, _, out := schema.CommitMessage(m.Description)
	for _, r := range revertLine.FindAllStringSubmatch(m.Description, -1) {
		of := repo
		if r[1] != "" {
			host, _, _ := strings.Cut(repo, "/")
			of = host + "/" + strings.ToLower(r[1])
		}
		out = append(out, of+"#"+r[2])
	}
	return out
}

func changeID(repo string, iid uint64) string { return fmt.Sprintf("%s#%d", repo, iid) }

// approval makes the review that an approval is. One that is taken back later
// was a review all the same. Webhook and REST API write the same second.
func approval(c *schema.Change, by *user, at time.Time) *schema.Review {
	at = at.Truncate(time.Second)
	return &schema.Review{
		Meta: meta(c.URL, at, 0), Repo: c.Repo, ChangeID: c.ChangeID,
		ReviewID: fmt.Sprintf("%s/approval/%s@%d", c.ChangeID, by.Username, at.Unix()),
		Reviewer: by.ref(), ReviewerIsBot: by.isBot(), State: "approved", SubmittedAt: at,
	}
}
