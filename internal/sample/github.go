package sample

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The payloads follow GitHub's "Webhook events and payloads" reference.

const githubAPI = "https://api.github.com"

func githubID(parts ...string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.Join(parts, "\x00"))) // A hash never fails.
	return int64(h.Sum64() >> 24)
}

func githubUser(login string) object {
	kind, name := "User", login
	if strings.HasSuffix(login, "-bot") {
		kind, name = "Bot", login+"[bot]"
	}
	web, api := "https://github.com/"+name, githubAPI+"/users/"+name
	return object{
		"login": name, "id": githubID("user", login), "node_id": "U_" + login, "type": kind, "site_admin": false,
		"avatar_url": fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", githubID("user", login)), "gravatar_id": "",
		"url": api, "html_url": web, "followers_url": api + "/followers", "following_url": api + "/following{/other_user}",
		"gists_url": api + "/gists{/gist_id}", "starred_url": api + "/starred{/owner}{/repo}", "subscriptions_url": api + "/subscriptions",
		"organizations_url": api + "/orgs", "repos_url": api + "/repos", "events_url": api + "/events{/privacy}",
		"received_events_url": api + "/received_events",
	}
}

func (r *Repo) web() string { return "https://github.com/" + r.Name }

func (r *Repo) github() object {
	short := strings.TrimPrefix(r.Name, "acme/")
	api := githubAPI + "/repos/" + r.Name
	o := object{
		"id": r.ID, "node_id": fmt.Sprintf("R_%d", r.ID), "name": short, "full_name": r.Name, "private": true, "owner": githubUser("acme"),
		"html_url": r.web(), "description": short, "fork": false, "url": api, "default_branch": "main", "visibility": "private",
		"created_at": "2021-03-01T09:00:00Z", "updated_at": "2026-01-01T09:00:00Z", "pushed_at": "2026-01-01T09:00:00Z",
		"git_url": "git://github.com/" + r.Name + ".git", "ssh_url": "git@github.com:" + r.Name + ".git", "clone_url": r.web() + ".git",
		"svn_url": r.web(), "homepage": nil, "size": 4821, "stargazers_count": 3, "watchers_count": 3, "language": "Go",
		"has_issues": true, "has_projects": true, "has_downloads": true, "has_wiki": false, "has_pages": false, "has_discussions": false,
		"forks_count": 0, "mirror_url": nil, "archived": false, "disabled": false, "open_issues_count": 5, "license": nil,
		"allow_forking": false, "is_template": false, "web_commit_signoff_required": false, "topics": []string{}, "forks": 0,
		"open_issues": 5, "watchers": 3,
	}
	for _, u := range []string{
		"forks", "keys{/key_id}", "collaborators{/collaborator}", "teams", "hooks", "issues/events{/number}", "events",
		"assignees{/user}", "branches{/branch}", "tags", "git/blobs{/sha}", "git/tags{/sha}", "git/refs{/sha}", "git/trees{/sha}",
		"statuses/{sha}", "languages", "stargazers", "contributors", "subscribers", "subscription", "commits{/sha}",
		"git/commits{/sha}", "comments{/number}", "issues/comments{/number}", "contents/{+path}", "compare/{base}...{head}",
		"merges", "{archive_format}{/ref}", "downloads", "issues{/number}", "pulls{/number}", "milestones{/number}",
		"notifications{?since,all,participating}", "labels{/name}", "releases{/id}", "deployments",
	} {
		key := strings.NewReplacer("/", "_").Replace(strings.TrimRight(strings.SplitN(u, "{", 2)[0], "/"))
		if key != "" {
			o[key+"_url"] = api + "/" + u
		}
	}
	return o
}

func githubOrg() object {
	return object{
		"login": "acme", "id": 9001, "node_id": "O_acme", "url": githubAPI + "/orgs/acme", "repos_url": githubAPI + "/orgs/acme/repos",
		"events_url": githubAPI + "/orgs/acme/events", "hooks_url": githubAPI + "/orgs/acme/hooks",
		"issues_url": githubAPI + "/orgs/acme/issues", "members_url": githubAPI + "/orgs/acme/members{/member}",
		"public_members_url": githubAPI + "/orgs/acme/public_members{/member}",
		"avatar_url":         "https://avatars.githubusercontent.com/u/9001?v=4", "description": "",
	}
}

// githubDelivery is a delivery about something that key names; GitHub's delivery
// ids are UUIDs, and these follow from the key.
func githubDelivery(at time.Time, event, key string, payload func() object) Delivery {
	h := http.Header{}
	h.Set("X-GitHub-Event", event)
	h.Set("X-GitHub-Delivery", uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s %s %d", event, key, at.Unix())).String())
	h.Set("X-GitHub-Hook-ID", "410001")
	h.Set("User-Agent", "GitHub-Hookshot/sample")
	return Delivery{At: at, Path: "/hooks/github", Header: h, Kind: "github", Body: func() []byte {
		o := payload()
		o["organization"] = githubOrg()
		return body(o)
	}}
}

// github makes all deliveries of a repository and of the services in it that
// deploy through GitHub.
func (h *History) github(r *Repo) []Delivery {
	// GitHub pings a hook that is new.
	out := []Delivery{githubDelivery(h.Start, "ping", r.Name, func() object {
		return object{"zen": "Design for failure.", "hook_id": 410001, "repository": r.github(), "sender": githubUser("deploy-bot")}
	})}
	keep := func(d Delivery) {
		if !d.At.After(h.End) {
			out = append(out, d)
		}
	}
	for _, p := range r.pushes() {
		keep(p)
	}
	for _, p := range r.Pulls {
		for _, d := range p.deliveries() {
			keep(d)
		}
	}
	for _, s := range h.Services {
		if s.Repo != r || s.Channel != ByGitHub {
			continue
		}
		for _, dep := range s.Deployments {
			for _, d := range dep.github() {
				keep(d)
			}
		}
	}
	return out
}

// noCommit stands where a branch did not exist.
const noCommit = "0000000000000000000000000000000000000000"

// merged are the commits of the request that a merge commit brings.
func (r *Repo) merged(c *Commit) []*Commit {
	for _, p := range r.Pulls {
		if p.MergeSHA == c.SHA {
			return slices.Clone(p.Commits)
		}
	}
	return nil
}

// pushes groups the commits that reached a branch at one moment. A request's
// branch is pushed once, and so created.
func (r *Repo) pushes() []Delivery {
	type push struct {
		branch string
		at     time.Time
	}
	groups := map[push][]*Commit{}
	var order []push
	for _, c := range r.Commits {
		k := push{c.Branch, c.PushedAt}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], c)
	}
	var out []Delivery
	for _, k := range order {
		commits := groups[k]
		head := commits[len(commits)-1]
		before := noCommit
		if k.branch == "main" && len(commits[0].Parents) > 0 {
			before = commits[0].Parents[0]
		}
		if head.Merge {
			// What a merge brings is new to the branch and listed before it.
			commits = append(r.merged(head), commits...)
		}
		out = append(out, githubDelivery(k.at, "push", head.SHA, func() object { return r.push(k.branch, before, commits) }))
	}
	return out
}

func (r *Repo) push(branch, before string, commits []*Commit) object {
	head := commits[len(commits)-1]
	var list []object
	for _, c := range commits {
		list = append(list, c.github(r, c.Branch == branch))
	}
	return object{
		"ref": "refs/heads/" + branch, "before": before, "after": head.SHA, "created": before == noCommit, "deleted": false, "forced": false,
		"base_ref": nil, "compare": fmt.Sprintf("%s/compare/%.12s...%.12s", r.web(), before, head.SHA), "commits": list,
		"head_commit": head.github(r, true), "repository": r.github(), "pusher": object{"name": head.Author, "email": head.Author + "@acme.example"},
		"sender": githubUser(head.Author),
	}
}

// github is the commit in a push; distinct says that no other branch had it.
func (c *Commit) github(r *Repo, distinct bool) object {
	who := object{"name": c.Author, "email": c.Author + "@acme.example", "username": c.Author}
	return object{
		"id": c.SHA, "tree_id": c.SHA, "distinct": distinct, "message": c.Message, "timestamp": stamp(c.AuthoredAt), "url": r.web() + "/commit/" + c.SHA,
		"author": who, "committer": who, "added": []string{}, "removed": []string{}, "modified": c.Paths,
	}
}

func (p *Pull) deliveries() []Delivery {
	var out []Delivery
	send := func(at time.Time, event, action, sender string, extra object) {
		key := fmt.Sprintf("%s#%d %s", p.Repo.Name, p.Number, action)
		out = append(out, githubDelivery(at, event, key, func() object {
			o := object{
				"action": action, "number": p.Number, "pull_request": p.github(at), "repository": p.Repo.github(), "sender": githubUser(sender),
			}
			maps.Copy(o, extra)
			return o
		}))
	}
	send(p.OpenedAt, "pull_request", "opened", p.Author, nil)
	for _, l := range p.Labels {
		send(p.OpenedAt.Add(time.Second), "pull_request", "labeled", p.Author, object{"label": label(p.Repo, l)})
	}
	if !p.ReviewedAt.IsZero() && (p.ClosedAt.IsZero() || !p.ReviewedAt.After(p.ClosedAt)) {
		send(p.ReviewedAt, "pull_request_review", "submitted", p.Reviewer, object{"review": p.review()})
	}
	if !p.ClosedAt.IsZero() {
		send(p.ClosedAt, "pull_request", "closed", p.Author, nil)
	}
	return out
}

func label(r *Repo, name string) object {
	return object{
		"id": githubID("label", r.Name, name), "node_id": "LA_" + name, "url": githubAPI + "/repos/" + r.Name + "/labels/" + name,
		"name": name, "color": "d73a4a", "default": false, "description": "",
	}
}

func (p *Pull) review() object {
	id := githubID("review", p.Repo.Name, strconv.Itoa(p.Number))
	return object{
		"id": id, "node_id": fmt.Sprintf("PRR_%d", id), "user": githubUser(p.Reviewer), "body": nil, "commit_id": p.HeadSHA,
		"submitted_at": stamp(p.ReviewedAt), "state": "approved", "author_association": "MEMBER",
		"html_url":         fmt.Sprintf("%s/pull/%d#pullrequestreview-%d", p.Repo.web(), p.Number, id),
		"pull_request_url": fmt.Sprintf("%s/repos/%s/pulls/%d", githubAPI, p.Repo.Name, p.Number), "_links": object{},
	}
}

// github is the pull request as it was at a time.
func (p *Pull) github(at time.Time) object {
	api := fmt.Sprintf("%s/repos/%s/pulls/%d", githubAPI, p.Repo.Name, p.Number)
	state, merged := "open", false
	var closedAt, mergedAt, mergeSHA, mergedBy any
	updated := p.OpenedAt
	if !p.ReviewedAt.IsZero() && !at.Before(p.ReviewedAt) {
		updated = p.ReviewedAt
	}
	if !p.ClosedAt.IsZero() && !at.Before(p.ClosedAt) {
		state, closedAt, updated = "closed", stamp(p.ClosedAt), p.ClosedAt
		if !p.MergedAt.IsZero() {
			merged, mergedAt, mergeSHA, mergedBy = true, stamp(p.MergedAt), p.MergeSHA, githubUser(p.Author)
		} else {
			// GitHub leaves the SHA of its test merge on requests closed unmerged.
			mergeSHA = p.HeadSHA
		}
	}
	labels := []object{}
	for _, l := range p.Labels {
		labels = append(labels, label(p.Repo, l))
	}
	side := func(ref, sha string) object {
		return object{"label": "acme:" + ref, "ref": ref, "sha": sha, "user": githubUser("acme"), "repo": p.Repo.github()}
	}
	text := "What and why."
	if p.Reverts != nil {
		text = fmt.Sprintf("Reverts %s#%d", p.Repo.Name, p.Reverts.Number)
	}
	return object{
		"url": api, "id": githubID("pull", p.Repo.Name, strconv.Itoa(p.Number)), "node_id": fmt.Sprintf("PR_%d", p.Number),
		"html_url": fmt.Sprintf("%s/pull/%d", p.Repo.web(), p.Number), "diff_url": fmt.Sprintf("%s/pull/%d.diff", p.Repo.web(), p.Number),
		"patch_url": fmt.Sprintf("%s/pull/%d.patch", p.Repo.web(), p.Number), "issue_url": strings.Replace(api, "/pulls/", "/issues/", 1),
		"number": p.Number, "state": state, "locked": false, "title": p.Title, "user": githubUser(p.Author), "body": text,
		"created_at": stamp(p.OpenedAt), "updated_at": stamp(updated), "closed_at": closedAt, "merged_at": mergedAt,
		"merge_commit_sha": mergeSHA, "assignee": nil, "assignees": []object{}, "requested_reviewers": []object{}, "requested_teams": []object{},
		"labels": labels, "milestone": nil, "draft": false, "commits_url": api + "/commits", "review_comments_url": api + "/comments",
		"head": side(p.Branch, p.HeadSHA), "base": side("main", p.BaseSHA), "author_association": "MEMBER", "auto_merge": nil,
		"active_lock_reason": nil, "merged": merged, "mergeable": nil, "rebaseable": nil, "mergeable_state": "unknown", "merged_by": mergedBy,
		"comments": 0, "review_comments": 0, "maintainer_can_modify": false, "commits": len(p.Commits), "additions": 24, "deletions": 7,
		"changed_files": len(p.Paths), "_links": object{"self": object{"href": api}, "html": object{"href": fmt.Sprintf("%s/pull/%d", p.Repo.web(), p.Number)}},
	}
}

// github is what GitHub sends of a deployment: that it runs, and how it ended; a
// later success makes the earlier one inactive.
func (d *Deployment) github() []Delivery {
	status := func(at time.Time, state string) Delivery {
		return githubDelivery(at, "deployment_status", fmt.Sprintf("%d %s", d.ID, state), func() object { return d.status(at, state) })
	}
	out := []Delivery{status(d.StartedAt, "in_progress"), status(d.FinishedAt, string(d.Status))}
	if i := slices.Index(d.Service.Deployments, d); i >= 0 && d.Status == Succeeded {
		for _, later := range d.Service.Deployments[i+1:] {
			if later.Environment == d.Environment && later.Status == Succeeded {
				out = append(out, status(later.FinishedAt.Add(time.Second), "inactive"))
				break
			}
		}
	}
	return out
}

func (d *Deployment) status(at time.Time, state string) object {
	r := d.Service.Repo
	api := fmt.Sprintf("%s/repos/%s/deployments/%d", githubAPI, r.Name, d.ID)
	id := githubID("status", strconv.FormatInt(d.ID, 10), state)
	run := fmt.Sprintf("%s/actions/runs/%d", r.web(), d.ID)
	return object{
		"action": "created", "repository": r.github(), "sender": githubUser("deploy-bot"),
		"deployment": object{
			"url": api, "id": d.ID, "node_id": fmt.Sprintf("DE_%d", d.ID), "sha": d.SHA, "ref": "main", "task": "deploy",
			"payload": object{"service": d.Service.ID, "version": d.Version}, "original_environment": d.Environment, "environment": d.Environment,
			"description": nil, "creator": githubUser("deploy-bot"), "created_at": stamp(d.CreatedAt), "updated_at": stamp(d.CreatedAt),
			"statuses_url": api + "/statuses", "repository_url": githubAPI + "/repos/" + r.Name, "transient_environment": false,
			"production_environment": d.Production, "performed_via_github_app": nil,
		},
		"deployment_status": object{
			"url": fmt.Sprintf("%s/statuses/%d", api, id), "id": id, "node_id": fmt.Sprintf("DES_%d", id), "state": state,
			"creator": githubUser("deploy-bot"), "description": "", "environment": d.Environment, "target_url": run, "log_url": run,
			"created_at": stamp(at), "updated_at": stamp(at), "deployment_url": api, "repository_url": githubAPI + "/repos/" + r.Name,
			"environment_url": "", "performed_via_github_app": nil,
		},
	}
}

// Probe is a deployment that is not part of the history, for measuring how long
// Headway takes to show it.
type Probe struct {
	Delivery
	Version string
}

// ProbeDeployment is the n-th probe: a deployment that succeeded at a time.
func ProbeDeployment(n int, at time.Time) Probe {
	r := &Repo{Name: "acme/probe", ID: 799_999}
	version := fmt.Sprintf("probe-%d-%d", at.Unix(), n)
	d := &Deployment{
		ID: at.UnixNano(), Service: &Service{ID: "probe", Repo: r}, Environment: "production", Production: true,
		SHA: fmt.Sprintf("%040x", at.UnixNano()), Version: version, CreatedAt: at.Add(-time.Minute), StartedAt: at.Add(-time.Minute),
		FinishedAt: at, Status: Succeeded,
	}
	return Probe{d.github()[1], version}
}
