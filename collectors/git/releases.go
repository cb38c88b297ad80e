package git

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/collectors/git/mirror"
)

var (
	versionTag = regexp.MustCompile(`(?i)^(?:release|rel|version|ver)?[-_/.]?v?[0-9]+(?:[._][0-9]+)*(?:(?:alpha|beta|rc|a|b)[0-9]*)?(?:[-+._~][0-9a-z]+)*$`)
	prerelease = regexp.MustCompile(`(?i)[0-9][-._+~]?(?:alpha|beta|rc|cr|pre|preview|snapshot|dev|nightly|canary|milestone)(?:[^a-z]|$)|[0-9][-._]?[abm][0-9]+$`)
)

// IsRelease says whether a tag of that name is a release under the glob ("" is
// anything that looks like a version, NoReleases nothing). Pre-releases are none unless asked for.
func IsRelease(tag, glob string, prereleases bool) bool {
	if glob == NoReleases {
		return false
	}
	if glob == "" {
		if !versionTag.MatchString(tag) {
			return false
		}
	} else if ok, err := path.Match(glob, tag); err != nil || !ok {
		// Validate has refused bad globs.
		return false
	}
	return prereleases || !prerelease.MatchString(tag)
}

// releasesOf chooses the tags that are releases, by tag name. A version tagged
// twice on one commit (v1.2.0 and 1.2.0) is one release, the earlier.
func releasesOf(repo *repository, tags []mirror.Tag) map[string][]release {
	type version struct{ commit, version string }
	out := map[string][]release{}
	for _, s := range repo.services {
		first := map[version]mirror.Tag{}
		for _, t := range tags {
			if !IsRelease(t.Name, s.Tags, s.Prereleases) {
				continue
			}
			k := version{t.Commit, strings.TrimPrefix(strings.TrimPrefix(t.Name, "v"), "V")}
			have, ok := first[k]
			if !ok || cmp.Or(t.At.Compare(have.At), cmp.Compare(t.Name, have.Name)) < 0 {
				first[k] = t
			}
		}
		for _, t := range first {
			r := release{ID: "git:" + repo.id + ":tag:" + t.Name, Service: s.Name}
			if len(s.Paths) > 0 {
				// One tag releases each service of the repository.
				r.ID += ":" + s.Name
			}
			out[t.Name] = append(out[t.Name], r)
		}
	}
	for _, rs := range out {
		slices.SortFunc(rs, func(a, b release) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out
}
