package derive

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// none is the id of a commit that the graph does not know.
const none = int32(-1)

// minPrefix is the shortest abbreviation of a commit that is believed.
const minPrefix = 7

// graph is the commits of one repository under small ids. It is immutable once
// built and safe for concurrent readers; extend makes a new one that shares what
// is common.
type graph struct {
	// commits below sorted are in the order of their SHAs; those after it were
	// appended, and bySHA has their order.
	commits []schema.Commit
	sorted  int
	bySHA   []int32
	// ids are those of the sorted commits, late those of the appended ones.
	ids, late map[string]int32
	// missing are the parents that are not known.
	missing map[string]bool
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
		sorted:     len(commits),
		ids:        make(map[string]int32, len(commits)),
		missing:    map[string]bool{},
		parentFrom: make([]int32, 1, len(commits)+1),
		generation: make([]int32, len(commits)),
	}
	for i := range commits {
		g.ids[commits[i].SHA] = int32(i)
	}
	g.link(0)
	g.rank(0)
	return g
}

// extend adds commits that nothing before them can depend on. It is not ok when a
// commit is known already or awaited as a parent, or when so many were added that
// building anew is better. The work is that of the added commits. Only the latest
// graph may be extended.
func (g *graph) extend(added []schema.Commit) (longer *graph, ok bool) {
	if len(g.late)+len(added) > 1000+g.sorted/8 {
		return nil, false
	}
	out := *g
	from := len(g.commits)
	out.late = maps.Clone(g.late)
	if out.late == nil {
		out.late = map[string]int32{}
	}
	for i := range added {
		sha := added[i].SHA
		if out.id(sha) != none || out.missing[sha] || added[i].Deleted != 0 {
			return nil, false
		}
		out.late[sha] = int32(from + i) //nolint:gosec // A repository has fewer commits than 2³¹.
	}
	out.commits = append(g.commits, added...)                           //nolint:gocritic // What is beyond the end of g is ours.
	out.generation = append(g.generation, make([]int32, len(added))...) //nolint:gocritic // As above.
	out.bySHA = slices.Clone(g.bySHA)
	for i := range added {
		out.bySHA = append(out.bySHA, int32(from+i)) //nolint:gosec // As above.
	}
	slices.SortFunc(out.bySHA, func(a, b int32) int { return strings.Compare(out.commits[a].SHA, out.commits[b].SHA) })
	out.missing = maps.Clone(g.missing)
	out.link(from)
	out.rank(from)
	return &out, true
}

// link finds the parents of the commits from an id on.
func (g *graph) link(from int) {
	for i := from; i < len(g.commits); i++ {
		for _, p := range g.commits[i].Parents {
			id := g.id(p)
			if id == none {
				g.missing[p] = true
			}
			g.parentList = append(g.parentList, id)
		}
		g.parentFrom = append(g.parentFrom, int32(len(g.parentList))) //nolint:gosec // As above.
	}
}

// id is the id of a full SHA, or none.
func (g *graph) id(sha string) int32 {
	if i, ok := g.ids[sha]; ok {
		return i
	}
	if i, ok := g.late[sha]; ok {
		return i
	}
	return none
}

// less orders commits by their SHAs, however their ids came about.
func (g *graph) less(a, b int32) bool {
	if int(a) < g.sorted && int(b) < g.sorted {
		return a < b
	}
	return g.commits[a].SHA < g.commits[b].SHA
}

// inOrder gives all commits in the order of their SHAs.
func (g *graph) inOrder() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		late := g.bySHA
		for c := range int32(g.sorted) { //nolint:gosec // A repository has fewer commits than 2³¹.
			for len(late) > 0 && g.less(late[0], c) {
				if !yield(late[0]) {
					return
				}
				late = late[1:]
			}
			if !yield(c) {
				return
			}
		}
		for _, c := range late {
			if !yield(c) {
				return
			}
		}
	}
}

// lookup is id, and also takes an abbreviation that fits exactly one commit.
func (g *graph) lookup(sha string) int32 {
	if i := g.id(sha); i != none || len(sha) < minPrefix || !isHex(sha) {
		return i
	}
	early, _ := slices.BinarySearchFunc(g.commits[:g.sorted], sha, func(c schema.Commit, s string) int { return strings.Compare(c.SHA, s) })
	late, _ := slices.BinarySearchFunc(g.bySHA, sha, func(c int32, s string) int { return strings.Compare(g.commits[c].SHA, s) })
	var fits []int32
	for i := early; i < min(early+2, g.sorted); i++ {
		fits = append(fits, int32(i)) //nolint:gosec // As above.
	}
	fits = append(fits, g.bySHA[late:min(late+2, len(g.bySHA))]...)
	fits = slices.DeleteFunc(fits, func(c int32) bool { return !strings.HasPrefix(g.commits[c].SHA, sha) })
	if len(fits) == 1 {
		return fits[0]
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

// rank gives each commit from an id on its generation, without recursion: histories
// are deep. Commits that are their own ancestors, which only broken input has, get
// some rank and no loop.
func (g *graph) rank(from int) {
	const fresh, open, done = 0, 1, 2
	state := make([]uint8, len(g.commits)-from)
	var stack []int32
	for i := range state {
		stack = append(stack[:0], int32(from+i)) //nolint:gosec // As above.
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			switch s := &state[int(c)-from]; *s {
			case fresh:
				*s = open
				for _, p := range g.parents(c) {
					if int(p) >= from && state[int(p)-from] == fresh {
						stack = append(stack, p)
					}
				}
			case open:
				*s = done
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
