package codeowners_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/codeowners"
	"github.com/headway-metrics/headway/schema"
)

// team takes "@acme/x" for the team x.
func team(owner string) string {
	name, ok := strings.CutPrefix(owner, "@acme/")
	if !ok {
		return ""
	}
	return name
}

// of is the team that a claim gives a file.
func of(t *testing.T, o *schema.Ownership, file string) string {
	t.Helper()
	name := ""
	for i, p := range o.Patterns {
		if regexp.MustCompile(p).MatchString(file) {
			name = o.Teams[i]
		}
	}
	return name
}

// The examples of docs.github.com, "About code owners", with teams in place of
// their people.
const github = `# Comment
*       @acme/global
*.js    @acme/js #inline comment
*.txt @acme/octo
/build/logs/ @acme/doctocat
docs/*  @acme/docs
apps/ @acme/apps
/scripts/ @acme/scripts @octocat
**/logs @acme/logs
/vendored/
/people @ada someone@example.com
/with\ space/ @acme/space
`

func TestGitHub(t *testing.T) {
	t.Parallel()
	o := codeowners.Claim(github, false, team)
	for file, want := range map[string]string{
		"README": "global", "a/b/c.go": "global", "a/b.js": "js", "build/logs/x": "logs", "build/logs": "logs", "docs/getting-started.md": "docs",
		"docs/build-app/troubleshooting.md": "global", "a/apps/x": "apps", "apps/x/y.go": "apps", "scripts/x.txt": "scripts",
		"deeply/nested/logs/x.js": "logs", "vendored/x.js": "", "people/x": "", "with space/x": "space", "a/docs/x.md": "global",
	} {
		if got := of(t, o, file); got != want {
			t.Errorf("%s is %q's, want %q's", file, got, want)
		}
	}
	if o.TeamID != "global" || !slices.Equal(o.Others, []string{"@ada", "@octocat", "someone@example.com"}) {
		t.Errorf("the repository is %q's, and no teams are %q", o.TeamID, o.Others)
	}
}

// After docs.gitlab.com, "Advanced CODEOWNERS configuration".
const gitlab = `* @acme/first

[Documentation][2] @acme/docs
docs/
README.md @acme/readme
!docs/generated/

^[Optional]
*.go @acme/go
only-optional/ @acme/go

[DOCUMENTATION]
/guide/
`

func TestGitLabSections(t *testing.T) {
	t.Parallel()
	o := codeowners.Claim(strings.TrimPrefix(gitlab, "* @acme/first\n"), true, team)
	for file, want := range map[string]string{
		"docs/a": "docs", "x/docs/b.go": "docs", "README.md": "readme", "docs/generated/x": "", "main.go": "go", "only-optional/x": "go",
		"guide/x": "docs", "else": "",
	} {
		if got := of(t, o, file); got != want {
			t.Errorf("%s is %q's, want %q's", file, got, want)
		}
	}
	if got := of(t, codeowners.Claim(gitlab, true, team), "docs/a"); got != "first" {
		t.Errorf("the first part that has a rule counts, got %q", got)
	}
	if o.TeamID != "" {
		t.Errorf("the repository is %q's", o.TeamID)
	}
}

func FuzzClaim(f *testing.F) {
	f.Add(github, false)
	f.Add(gitlab, true)
	f.Add("[a\n^[b]\n\\", true)
	f.Fuzz(func(t *testing.T, text string, sections bool) {
		o := codeowners.Claim(text, sections, team)
		if len(o.Patterns) != len(o.Teams) {
			t.Errorf("%d patterns and %d teams", len(o.Patterns), len(o.Teams))
		}
	})
}
