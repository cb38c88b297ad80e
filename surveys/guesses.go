package surveys

import (
	"net/netip"
	"sync"
	"time"
)

// Wrong links that one address may try at once, and how fast it earns another.
const (
	guessBurst     = 20
	guessEvery     = 3 * time.Second
	maxGuessers    = 4096
	guessForgotten = guessBurst * guessEvery
)

// guesses slows down an address that tries links. A token cannot be guessed in
// any case; this keeps the attempt cheap to serve. Addresses are kept in memory
// for a minute and go nowhere else.
type guesses struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[netip.Addr]guesser
}

type guesser struct {
	left float64
	at   time.Time
}

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, by: map[netip.Addr]guesser{}}
}

// allowed says whether the address may try a link now.
func (g *guesses) allowed(a netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state(a).left >= 1
}

// wrong counts a link that was not one of ours.
func (g *guesses) wrong(a netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.state(a)
	s.left--
	if len(g.by) >= maxGuessers {
		g.forget()
	}
	g.by[a] = s
}

func (g *guesses) state(a netip.Addr) guesser {
	now := g.now()
	s, ok := g.by[a]
	if !ok {
		return guesser{left: guessBurst, at: now}
	}
	earned := float64(now.Sub(s.at)) / float64(guessEvery)
	return guesser{left: min(guessBurst, s.left+max(earned, 0)), at: now}
}

// forget makes room: first those who have earned everything back, then anybody.
func (g *guesses) forget() {
	for a, s := range g.by {
		if g.now().Sub(s.at) >= guessForgotten {
			delete(g.by, a)
		}
	}
	for a := range g.by {
		if len(g.by) < maxGuessers {
			return
		}
		delete(g.by, a)
	}
}
