package gittest

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Release is what the oracle says of one tag.
type Release struct {
	Tag    string
	Commit string
	At     time.Time
	// Baseline is the first release: what it holds was there before.
	Baseline bool
	Changes  []Change
}

// Change is a commit that is no merge, first released by the Release it is in.
type Change struct {
	SHA        string
	AuthoredAt time.Time
	// Original is the commit that this one is a copy of, or "".
	Original string
	// Lead is release time less author time; it may be negative.
	Lead time.Duration
}

var copied = regexp.MustCompile(`\(cherry picked from commit ([0-9a-f]{40})\)`)

// Oracle reads the releases of the tags matching glob in order of time: the
// changes of each are `git rev-list TAG ^EARLIER… --no-merges`. Of a version tagged
// twice (with and without "v") on one commit, the earlier counts; names with
// "-rc" do not.
func Oracle(ctx context.Context, path string, globs ...string) ([]Release, error) {
	args := []string{"for-each-ref", "--format=%(refname:strip=2) %(objectname) %(*objectname) %(creatordate:unix)"}
	for _, g := range globs {
		args = append(args, "refs/tags/"+g)
	}
	out, err := git(ctx, nil, path, args...)
	if err != nil {
		return nil, err
	}
	var releases []Release
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if strings.Contains(f[0], "-rc") {
			continue
		}
		unix, err := strconv.ParseInt(f[len(f)-1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("time of tag %s: %w", f[0], err)
		}
		releases = append(releases, Release{Tag: f[0], Commit: f[len(f)-2], At: time.Unix(unix, 0).UTC()})
	}
	slices.SortFunc(releases, func(a, b Release) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Tag, b.Tag)) })
	seen := map[string]bool{}
	releases = slices.DeleteFunc(releases, func(r Release) bool {
		k := strings.TrimPrefix(r.Tag, "v") + "@" + r.Commit
		twice := seen[k]
		seen[k] = true
		return twice
	})
	for i := range releases {
		r := &releases[i]
		r.Baseline = i == 0
		args := []string{"rev-list", "--no-merges", "--format=%H%x00%at%x00%B%x00%x00", "--no-commit-header", r.Commit}
		for _, earlier := range releases[:i] {
			args = append(args, "^"+earlier.Commit)
		}
		out, err := git(ctx, nil, path, args...)
		if err != nil {
			return nil, err
		}
		for rec := range strings.SplitSeq(out, "\x00\x00\n") {
			f := strings.Split(rec, "\x00")
			if len(f) < 3 {
				continue
			}
			unix, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("author time of %s: %w", f[0], err)
			}
			c := Change{SHA: f[0], AuthoredAt: time.Unix(unix, 0).UTC()}
			c.Lead = r.At.Sub(c.AuthoredAt)
			if m := copied.FindStringSubmatch(f[2]); m != nil {
				c.Original = m[1]
			}
			r.Changes = append(r.Changes, c)
		}
		slices.SortFunc(r.Changes, func(a, b Change) int { return cmp.Compare(a.SHA, b.SHA) })
	}
	return releases, nil
}

// Fold counts an original and its copies as one change, which the earliest
// release with any of them deployed. The folded change is named by its original.
func Fold(releases []Release) []Release {
	out := slices.Clone(releases)
	done := map[string]bool{}
	for i := range out {
		var kept []Change
		// Originals first: within one release the copy is the one to leave out.
		for _, copies := range []bool{false, true} {
			for _, c := range out[i].Changes {
				if (c.Original != "") != copies {
					continue
				}
				if name := cmp.Or(c.Original, c.SHA); !done[name] {
					done[name] = true
					c.SHA = name
					kept = append(kept, c)
				}
			}
		}
		slices.SortFunc(kept, func(a, b Change) int { return cmp.Compare(a.SHA, b.SHA) })
		out[i].Changes = kept
	}
	return out
}
