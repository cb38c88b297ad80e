// Package codeowners reads CODEOWNERS files of GitHub and GitLab: which team the
// files of a repository belong to. People whom such a file names own nothing here,
// for people are not measured. It knows the format; which owner is a team, and how
// it is called, the source says.
package codeowners

import (
	"regexp"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// Places are where a provider looks for the file, the first that exists counts.
// See docs.github.com, "About code owners", and docs.gitlab.com, "Code Owners".
func Places(provider string) []string {
	if provider == "gitlab" {
		return []string{"CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}
	}
	return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}
}

// rule is one line of the file.
type rule struct {
	pattern string
	owners  []string
}

// section is a part of GitLab's file; GitHub's is one section.
type section struct {
	name     string
	optional bool
	defaults []string
	rules    []rule
}

// heading is "[Name]", "^[Optional]", "[Name][2] @default".
var heading = regexp.MustCompile(`^(\^)?\[([^\]]+)\](?:\[\d+\])?\s*(.*)$`)

// Claim is what a file says of a repository: the rules in the order in which the last
// that fits counts. team names the team of an owner such as "@acme/payments", or
// "" when it is none. With sections, as GitLab has them, the first of those that
// must approve and has a rule for the file counts, and the optional ones last. Of
// several teams of one rule the first counts.
func Claim(text string, sections bool, team func(owner string) string) *schema.Ownership {
	out := &schema.Ownership{Claim: schema.ClaimCodeowners}
	parts := parse(text, sections)
	slices.SortStableFunc(parts, func(a, b *section) int {
		switch {
		case a.optional == b.optional:
			return 0
		case a.optional:
			return 1
		}
		return -1
	})
	slices.Reverse(parts)
	for _, s := range parts {
		for _, r := range s.rules {
			name := ""
			for _, owner := range r.owners {
				switch t := team(owner); {
				case t == "":
					out.Others = append(out.Others, owner)
				case name == "":
					name = t
				}
			}
			out.Patterns = append(out.Patterns, expression(r.pattern))
			out.Teams = append(out.Teams, name)
		}
	}
	for i, p := range out.Patterns {
		// What expression writes compiles, whatever the file says.
		if regexp.MustCompile(p).MatchString("_") {
			out.TeamID = out.Teams[i]
		}
	}
	slices.Sort(out.Others)
	out.Others = slices.Compact(out.Others)
	return out
}

func parse(text string, sections bool) []*section {
	current := &section{}
	out := []*section{current}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if m := heading.FindStringSubmatch(line); sections && m != nil {
			// Sections of one name, whatever its case, are one.
			name := strings.ToLower(m[2])
			i := slices.IndexFunc(out, func(s *section) bool { return s.name == name })
			if i < 0 {
				out = append(out, &section{name: name})
				i = len(out) - 1
			}
			current = out[i]
			current.optional = current.optional || m[1] != ""
			current.defaults = append(current.defaults, words(m[3])...)
			continue
		}
		w := words(line)
		if len(w) == 0 {
			continue
		}
		r := rule{pattern: w[0], owners: w[1:]}
		if sections && strings.HasPrefix(r.pattern, "!") {
			r = rule{pattern: r.pattern[1:]} // Nobody's in this section.
		} else if len(r.owners) == 0 {
			r.owners = current.defaults
		}
		current.rules = append(current.rules, r)
	}
	return out
}

// words splits a line at white space that no backslash escapes, up to a comment.
func words(line string) []string {
	var out []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ' ' || r == '\t':
			end()
		case r == '#' && word.Len() == 0:
			return out
		default:
			word.WriteRune(r)
		}
	}
	end()
	return out
}

// expression is a pattern of gitignore's kind as a regular expression for paths
// from the root. Unlike there "docs/*" has only the files right in docs.
func expression(pattern string) string {
	body := strings.TrimSuffix(pattern, "/")
	folder := body != pattern
	anchored := strings.Contains(body, "/")
	body = strings.TrimPrefix(body, "/")
	var b strings.Builder
	b.WriteString("^")
	if !anchored {
		b.WriteString("(?:.*/)?")
	}
	parts := strings.Split(body, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		if part == "**" {
			if last {
				b.WriteString(".*")
			} else {
				b.WriteString("(?:.*/)?")
			}
			continue
		}
		for _, r := range part {
			switch r {
			case '*':
				b.WriteString("[^/]*")
			case '?':
				b.WriteString("[^/]")
			default:
				b.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		if !last {
			b.WriteString("/")
		}
	}
	switch final := parts[len(parts)-1]; {
	case folder:
		b.WriteString("/.*$")
	case final == "*" && len(parts) > 1, final == "**":
		b.WriteString("$")
	default:
		b.WriteString("(?:/.*)?$")
	}
	return b.String()
}
