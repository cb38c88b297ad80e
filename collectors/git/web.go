package git

import (
	"net/url"
	"strings"
)

// WebRepo is the page of a repository on a host whose addresses are known, or
// "". The repository is named as schema.RepoID names it.
func WebRepo(repo string) string {
	if host(repo) == "" {
		return ""
	}
	return "https://" + repo
}

// WebCommit is the page of a commit, or "" when the host is not known.
func WebCommit(repo, sha string) string {
	switch host(repo) {
	case "github":
		return "https://" + repo + "/commit/" + sha
	case "gitlab":
		return "https://" + repo + "/-/commit/" + sha
	case "bitbucket":
		return "https://" + repo + "/commits/" + sha
	}
	return ""
}

// WebTag is the page of a tag, or "" when the host is not known.
func WebTag(repo, tag string) string {
	tag = url.PathEscape(tag)
	switch host(repo) {
	case "github":
		return "https://" + repo + "/releases/tag/" + tag
	case "gitlab":
		return "https://" + repo + "/-/tags/" + tag
	case "bitbucket":
		return "https://" + repo + "/src/" + tag
	}
	return ""
}

func host(repo string) string {
	name, path, ok := strings.Cut(repo, "/")
	switch {
	case !ok || path == "" || strings.ContainsAny(repo, " \"<>"):
		return ""
	case name == "github.com" || strings.HasPrefix(name, "github."):
		return "github"
	case name == "gitlab.com" || strings.HasPrefix(name, "gitlab."):
		return "gitlab"
	case name == "bitbucket.org":
		return "bitbucket"
	}
	return ""
}
