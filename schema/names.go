package schema

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

var scpLike = regexp.MustCompile(`^(?:[^@/]+@)?([^:/]+):([^/].*)$`)

// RepoID is the one name of a repository: lower-case host and path, without
// scheme, user, port or ".git". It accepts https, ssh and scp-like remotes, and
// leaves a bare "host/path" as it is. A local path keeps its case.
func RepoID(remote string) string {
	s := strings.TrimSpace(remote)
	if u, err := url.Parse(s); err == nil && u.Host != "" {
		s = u.Hostname() + u.Path
	} else if strings.HasPrefix(s, "/") || strings.HasPrefix(s, ".") {
		return strings.TrimSuffix(strings.TrimSuffix(s, "/"), ".git")
	} else if m := scpLike.FindStringSubmatch(s); m != nil {
		s = m[1] + "/" + m[2]
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(s, "/"), ".git"))
}

var (
	cherryPick = regexp.MustCompile(`\(cherry picked from commit ([0-9a-f]{7,64})\)`)
	reverts    = regexp.MustCompile(`(?i)this reverts commit ([0-9a-f]{7,64})`)
)

// CommitMessage reads what a commit message says of other commits: its title,
// the original of a cherry-pick (git cherry-pick -x writes it), and the commits
// that it reverts (git revert writes them).
func CommitMessage(message string) (title, cherryPickedFrom string, revertedSHAs []string) {
	title, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	if m := cherryPick.FindAllStringSubmatch(message, -1); m != nil {
		cherryPickedFrom = m[len(m)-1][1]
	}
	for _, m := range reverts.FindAllStringSubmatch(message, -1) {
		revertedSHAs = append(revertedSHAs, m[1])
	}
	return strings.TrimSpace(title), cherryPickedFrom, revertedSHAs
}

var (
	productionName  = regexp.MustCompile(`(?i)(^|[^a-z])(prod|production|live)([^a-z]|$)`)
	stagingName     = regexp.MustCompile(`(?i)(^|[^a-z])(stage|staging|stg|preprod|pre-prod|uat)([^a-z]|$)`)
	testingName     = regexp.MustCompile(`(?i)(^|[^a-z])(test|testing|qa|ci)([^a-z]|$)`)
	developmentName = regexp.MustCompile(`(?i)(^|[^a-z])(dev|development|local|preview|review)([^a-z]|$)`)
)

// TierByName guesses the tier of an environment from its name, the last resort
// of DEFINITIONS ("Production"). Names such as "pre-prod" are staging.
func TierByName(environment string) string {
	switch {
	case stagingName.MatchString(environment):
		return TierStaging
	case productionName.MatchString(environment):
		return TierProduction
	case testingName.MatchString(environment):
		return TierTesting
	case developmentName.MatchString(environment):
		return TierDevelopment
	}
	return TierOther
}

// Monday is 00:00 UTC of the Monday of t's week.
func Monday(t time.Time) time.Time {
	d := t.UTC().Truncate(24 * time.Hour)
	return d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
}
