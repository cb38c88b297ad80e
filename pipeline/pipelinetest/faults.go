package pipelinetest

import (
	"errors"
	"sync"
)

// ErrDown is the retryable error of a fault.
var ErrDown = errors.New("injected: server is down")

// Point is a place where a fault can strike.
type Point string

// The points of Store and Outbox.
const (
	// BeforeInsert: the store is down, nothing is stored.
	BeforeInsert Point = "before_insert"
	// MidInsert: a part of the rows is stored, then the store is gone.
	MidInsert Point = "mid_insert"
	// AfterInsert: all is stored, the answer is lost.
	AfterInsert Point = "after_insert"
	// BeforeDirty and AfterDirty: the broker fails before or after it has the keys.
	BeforeDirty Point = "before_dirty"
	AfterDirty  Point = "after_dirty"
	// BeforeDead and AfterDead: the same for dead letters.
	BeforeDead Point = "before_dead"
	AfterDead  Point = "after_dead"
)

// Points are all points, in the order of a flush.
func Points() []Point {
	return []Point{BeforeInsert, MidInsert, AfterInsert, BeforeDead, AfterDead, BeforeDirty, AfterDirty}
}

// Faults decides which calls fail. The zero value lets everything pass; several
// stand-ins may share one.
type Faults struct {
	mu   sync.Mutex
	left map[Point]int
	hit  map[Point]int
	skip map[Point]int
}

// Fail makes the next n passes of a point fail with ErrDown.
func (f *Faults) Fail(p Point, n int) { f.FailAfter(p, 0, n) }

// FailAfter lets a point pass a number of times and then fail n times.
func (f *Faults) FailAfter(p Point, passes, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == nil {
		f.left, f.skip = map[Point]int{}, map[Point]int{}
	}
	f.left[p], f.skip[p] = n, passes
}

// Hits is how often a point has failed.
func (f *Faults) Hits(p Point) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit[p]
}

// Pending reports whether some demanded failure has not happened yet.
func (f *Faults) Pending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.left {
		if n > 0 {
			return true
		}
	}
	return false
}

func (f *Faults) check(p Point) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.left[p] == 0:
		return nil
	case f.skip[p] > 0:
		f.skip[p]--
		return nil
	}
	f.left[p]--
	if f.hit == nil {
		f.hit = map[Point]int{}
	}
	f.hit[p]++
	return ErrDown
}
