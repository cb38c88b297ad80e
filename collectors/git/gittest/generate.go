package gittest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // git names objects by it.
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
)

// Start is the time of the first commit of a generated repository, in seconds,
// when its shape says nothing else: 2024-01-01 00:00 UTC.
const Start = 1704067200

// Shape says what to generate. The same shape gives the same repository, to the
// id of every commit.
type Shape struct {
	Seed uint64
	// Commits on all branches, about.
	Commits int
	// TagEvery is the mean number of commits between two releases.
	TagEvery int
	// Start is the time of the first commit in seconds; 0 means the constant Start.
	Start int64
}

// Repository is what was generated.
type Repository struct {
	Path    string
	Commits int
	// Tags is the number of all tags; pre-releases and second tags are among them.
	Tags int
	// Counts of each special thing, so that a test can see that it happened.
	Merges, Squashes, CherryPicks, Reverts, TwiceTagged, Prereleases, NegativeLeads, Annotated int
}

// Generate makes a bare repository at path with git fast-import: merges of
// branches, squashes, cherry-picks -x onto release branches, reverts, versions
// tagged twice, pre-releases, and commits authored after their release.
func Generate(ctx context.Context, path string, shape Shape) (*Repository, error) {
	if shape.Commits < 1 || shape.TagEvery < 1 {
		return nil, errors.New("a shape needs Commits and TagEvery")
	}
	g := &generator{
		rng: rand.New(rand.NewPCG(shape.Seed, 0x9E3779B97F4A7C15)), //nolint:gosec // Reproducible, not secret.
		now: cmp.Or(shape.Start, Start), out: &Repository{Path: path},
	}
	g.history(shape)
	if _, err := git(ctx, nil, "", "init", "--quiet", "--bare", "--initial-branch=main", path); err != nil {
		return nil, err
	}
	if _, err := git(ctx, &g.stream, path, "fast-import", "--quiet", "--force"); err != nil {
		return nil, err
	}
	return g.out, nil
}

type commit struct {
	sha      string
	mark     int
	authored int64
	merge    bool
}

type generator struct {
	rng    *rand.Rand
	now    int64
	stream bytes.Buffer
	out    *Repository
	marks  int
	main   []commit
	major  int
	minor  int
}

const ident = "Ada Example <ada@example.com>"

// add writes a commit and returns it; its id is computed as git will.
func (g *generator) add(branch, message string, authored int64, parents ...commit) commit {
	g.marks++
	g.out.Commits++
	content := fmt.Sprintf("%d\n", g.marks)
	blob := object("blob", content)
	raw, _ := hex.DecodeString(blob)
	tree := object("tree", "100644 n\x00"+string(raw))
	var body strings.Builder
	fmt.Fprintf(&body, "tree %s\n", tree)
	for _, p := range parents {
		fmt.Fprintf(&body, "parent %s\n", p.sha)
	}
	fmt.Fprintf(&body, "author %s %d +0000\ncommitter %s %d +0000\n\n%s", ident, authored, ident, g.now, message)
	c := commit{sha: object("commit", body.String()), mark: g.marks, authored: authored, merge: len(parents) > 1}

	w := &g.stream
	fmt.Fprintf(w, "commit %s\nmark :%d\nauthor %s %d +0000\ncommitter %s %d +0000\ndata %d\n%s\n", branch, g.marks, ident, authored, ident, g.now, len(message), message)
	for i, p := range parents {
		fmt.Fprintf(w, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], p.mark)
	}
	fmt.Fprintf(w, "M 100644 inline n\ndata %d\n%s\n", len(content), content)
	return c
}

func object(kind, content string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(content), content)) //nolint:gosec // git names objects by it.
	return hex.EncodeToString(sum[:])
}

func (g *generator) tip() []commit {
	if len(g.main) == 0 {
		return nil
	}
	return g.main[len(g.main)-1:]
}

func (g *generator) onMain(message string, authored int64, more ...commit) {
	g.main = append(g.main, g.add("refs/heads/main", message, authored, append(append([]commit(nil), g.tip()...), more...)...))
}

// pass lets between one and n minutes go by.
func (g *generator) pass(n int64) { g.now += 60 * (1 + g.rng.Int64N(n)) }

func (g *generator) history(shape Shape) {
	g.onMain("Begin", g.now)
	nextTag := shape.TagEvery
	for g.out.Commits < shape.Commits {
		g.pass(30)
		switch n := g.rng.IntN(100); {
		case n < 50:
			g.onMain(fmt.Sprintf("Change %d", g.out.Commits), g.now-g.rng.Int64N(3600*24))
		case n < 70:
			g.out.Merges++
			g.merge()
		case n < 85:
			g.out.Squashes++
			g.onMain(fmt.Sprintf("Squash request (#%d)\n\n* one\n* two\n", g.out.Commits), g.now-g.rng.Int64N(3600*72))
		case n < 90 && len(g.main) > 10:
			g.out.Reverts++
			victim := g.main[len(g.main)-1-g.rng.IntN(8)]
			g.onMain("Revert \"a change\"\n\nThis reverts commit "+victim.sha+".\n", g.now)
		case n < 92:
			// Authored on a machine whose clock is ten days ahead: after its release.
			g.out.NegativeLeads++
			g.onMain(fmt.Sprintf("From the future %d", g.out.Commits), g.now+10*24*3600)
		default:
			g.onMain(fmt.Sprintf("Fix %d", g.out.Commits), g.now)
		}
		if g.out.Commits >= nextTag {
			nextTag = g.out.Commits + shape.TagEvery/2 + 1 + g.rng.IntN(shape.TagEvery)
			g.release()
		}
	}
	// Commits that no release holds yet.
	g.pass(30)
	g.onMain("Not released yet", g.now)
}

func (g *generator) merge() {
	base := g.tip()[0]
	branch := fmt.Sprintf("refs/heads/feature-%d", g.marks)
	head := base
	for range 1 + g.rng.IntN(3) {
		g.pass(20)
		head = g.add(branch, fmt.Sprintf("Work %d", g.out.Commits), g.now-g.rng.Int64N(7200), head)
	}
	g.pass(20)
	if g.rng.IntN(2) == 0 {
		g.onMain(fmt.Sprintf("Beside %d", g.out.Commits), g.now)
		g.pass(5)
	}
	g.onMain(fmt.Sprintf("Merge branch 'feature' (%d)", g.out.Commits), g.now, head)
	fmt.Fprintf(&g.stream, "reset %s\nfrom %s\n\n", branch, strings.Repeat("0", 40))
}

// release tags the tip of main, and now and then prepares it on a branch.
func (g *generator) release() {
	g.minor++
	version := fmt.Sprintf("%d.%d.0", 1+g.major, g.minor)
	tip := g.tip()[0]
	switch g.rng.IntN(4) {
	case 0:
		g.out.Prereleases++
		g.tag("v"+version+"-rc1", tip)
	case 1:
		// A fix is copied to the release's branch; the original stays on main and
		// arrives there by the next release.
		g.out.CherryPicks++
		g.pass(30)
		authored := g.now - 1800
		g.onMain(fmt.Sprintf("Urgent fix %d", g.out.Commits), authored)
		original := g.tip()[0]
		g.pass(30)
		branch := "refs/heads/release-" + version
		tip = g.add(branch, fmt.Sprintf("Urgent fix\n\n(cherry picked from commit %s)\n", original.sha), authored, tip)
	}
	// More than the pipeline's four-hour fan-out between any two releases.
	g.now += 6 * 3600
	g.tag("v"+version, tip)
	if g.rng.IntN(5) == 0 {
		g.out.TwiceTagged++
		g.now += 3 * 24 * 3600
		g.tag(version, tip)
	}
	if g.rng.IntN(10) == 0 {
		g.major, g.minor = g.major+1, 0
	}
}

func (g *generator) tag(name string, c commit) {
	g.out.Tags++
	g.out.Annotated++
	message := "Release " + name
	fmt.Fprintf(&g.stream, "tag %s\nfrom :%d\ntagger %s %d +0000\ndata %d\n%s\n", name, c.mark, ident, g.now, len(message), message)
}

func git(ctx context.Context, stdin *bytes.Buffer, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // Test helper with its own arguments.
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}
