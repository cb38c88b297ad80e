package derive

// walker walks a graph. It keeps its marks between walks, so that a walk costs
// what it visits; it belongs to one goroutine.
type walker struct {
	*graph
	// marks of the current walk are epoch, and epoch+1 for wanted commits.
	marks []uint32
	epoch uint32
	stack []int32
	// queue is a heap of commits, children before parents; open counts the wanted
	// ones in it.
	queue []int32
	open  int
}

func newWalker(g *graph) *walker {
	return &walker{graph: g, marks: make([]uint32, len(g.commits))}
}

// begin forgets the marks of the last walk.
func (w *walker) begin() {
	if w.epoch >= 1<<32-4 {
		clear(w.marks)
		w.epoch = 0
	}
	w.epoch += 2
	w.stack, w.queue, w.open = w.stack[:0], w.queue[:0], 0
}

// reaches says whether a is b or an ancestor of b. The work is bounded by the
// commits of b's history above a's generation.
func (w *walker) reaches(a, b int32) bool {
	if a == b {
		return true
	}
	if w.generation[a] >= w.generation[b] {
		return false
	}
	w.begin()
	w.stack = append(w.stack, b)
	for len(w.stack) > 0 {
		c := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		for _, p := range w.parents(c) {
			if p == a {
				return true
			}
			if p != none && w.generation[p] > w.generation[a] && w.marks[p] != w.epoch {
				w.marks[p] = w.epoch
				w.stack = append(w.stack, p)
			}
		}
	}
	return false
}

// between lists the commits that can be reached from include and not from
// exclude, highest generation first. It looks at no commit below the point where
// all that is left can be reached from exclude.
func (w *walker) between(include, exclude []int32) []int32 {
	w.begin()
	for _, c := range exclude {
		w.add(c, false)
	}
	for _, c := range include {
		w.add(c, true)
	}
	var out []int32
	for w.open > 0 {
		c := w.pop()
		wanted := w.marks[c] == w.epoch+1
		if wanted {
			w.open--
			out = append(out, c)
		}
		for _, p := range w.parents(c) {
			w.add(p, wanted)
		}
	}
	return out
}

func (w *walker) add(c int32, wanted bool) {
	if c == none {
		return
	}
	switch mark := w.marks[c]; {
	case mark < w.epoch && wanted:
		w.marks[c] = w.epoch + 1
		w.open++
		w.push(c)
	case mark < w.epoch:
		w.marks[c] = w.epoch
		w.push(c)
	case mark == w.epoch+1 && !wanted:
		// All children come before their parents, so c is still in the queue.
		w.marks[c] = w.epoch
		w.open--
	}
}

func (w *walker) before(a, b int32) bool {
	if ga, gb := w.generation[a], w.generation[b]; ga != gb {
		return ga > gb
	}
	return w.less(a, b)
}

func (w *walker) push(c int32) {
	w.queue = append(w.queue, c)
	q := w.queue
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !w.before(c, q[up]) {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = c
}

func (w *walker) pop() int32 {
	q := w.queue
	top, last := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	w.queue = q
	i := 0
	for {
		down := 2*i + 1
		if down >= len(q) {
			break
		}
		if down+1 < len(q) && w.before(q[down+1], q[down]) {
			down++
		}
		if !w.before(q[down], last) {
			break
		}
		q[i] = q[down]
		i = down
	}
	if len(q) > 0 {
		q[i] = last
	}
	return top
}
