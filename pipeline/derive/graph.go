package derive

import (
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// none is the id of a commit that the graph does not know.
const none = int32(-1)

// minPrefix is the shortest abbreviation of a commit that is believed.
const minPrefix = 7

// graph is the commits of one repository under small ids, in the order of their
// SHAs. It is immutable once built and safe for concurrent readers.
type graph struct {
	commits []schema.Commit
	ids     map[string]int32
	// parents of c are parentList[parentFrom[c]:parentFrom[c+1]]; a parent that
	// is not known is none.
	parentFrom []int32
	parentList []int32
	// generation of a commit is one more than the highest of its known parents,
	// so a commit's ancestors have lower generations than it.
	generation []int32
}

// newGraph takes any number of versions of each commit, in any order.
func newGraph(commits []schema.Commit) *graph {
	commits = sortedBy(newest(commits, func(c *schema.Commit) string { return c.SHA }), func(c *schema.Commit) string { return c.SHA })
	g := &graph{
		commits:    commits,
		ids:        make(map[string]int32, len(commits)),
		parentFrom: make([]int32, len(commits)+1),
		generation: make([]int32, len(commits)),
	}
	for i := range commits {
		g.ids[commits[i].SHA] = int32(i)
	}
	for i := range commits {
		for _, p := range commits[i].Parents {
			g.parentList = append(g.parentList, g.id(p))
		}
		g.parentFrom[i+1] = int32(len(g.parentList)) //nolint:gosec // As above.
	}
	g.rank()
	return g
}

// id is the id of a full SHA, or none.
func (g *graph) id(sha string) int32 {
	if i, ok := g.ids[sha]; ok {
		return i
	}
	return none
}

// lookup is id, and also takes an abbreviation that fits exactly one commit.
func (g *graph) lookup(sha string) int32 {
	if i := g.id(sha); i != none || len(sha) < minPrefix || !isHex(sha) {
		return i
	}
	at, _ := slices.BinarySearchFunc(g.commits, sha, func(c schema.Commit, s string) int { return strings.Compare(c.SHA, s) })
	fits := func(i int) bool { return i < len(g.commits) && strings.HasPrefix(g.commits[i].SHA, sha) }
	if fits(at) && !fits(at+1) {
		return int32(at) //nolint:gosec // An index of commits.
	}
	return none
}

func isHex(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}

func (g *graph) parents(c int32) []int32 { return g.parentList[g.parentFrom[c]:g.parentFrom[c+1]] }

func (g *graph) firstParent(c int32) int32 {
	if p := g.parents(c); len(p) > 0 {
		return p[0]
	}
	return none
}

// isMerge says whether the commit joins histories, known or not.
func (g *graph) isMerge(c int32) bool { return len(g.parents(c)) > 1 }

// rank gives each commit its generation, without recursion: histories are deep.
// Commits that are their own ancestors, which only broken input has, get some
// rank and no loop.
func (g *graph) rank() {
	const fresh, open, done = 0, 1, 2
	state := make([]uint8, len(g.commits))
	var stack []int32
	for i := range g.commits {
		stack = append(stack[:0], int32(i))
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			switch state[c] {
			case fresh:
				state[c] = open
				for _, p := range g.parents(c) {
					if p != none && state[p] == fresh {
						stack = append(stack, p)
					}
				}
			case open:
				state[c] = done
				for _, p := range g.parents(c) {
					if p != none {
						g.generation[c] = max(g.generation[c], g.generation[p]+1)
					}
				}
				stack = stack[:len(stack)-1]
			default:
				stack = stack[:len(stack)-1]
			}
		}
	}
}
