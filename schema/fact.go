package schema

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Fact is a typed row about something that happened or is. Every struct in
// facts.go is one; its `ch` tags name the columns of its table.
type Fact interface {
	// Table is the ClickHouse table of the fact.
	Table() string
	// FactID is the natural key inside the table: equal exactly when the
	// table's ORDER BY is equal, so that the loader can drop older versions.
	FactID() string
	// DirtyKeys says what must be derived again; nil when nothing is derived
	// from this kind of fact.
	DirtyKeys() []DirtyKey
	meta() *Meta
}

// Meta is what every fact carries.
type Meta struct {
	Source  string `ch:"source" json:"source"`
	URL     string `ch:"url" json:"url"`
	Version uint64 `ch:"version" json:"version"`
	Deleted uint8  `ch:"is_deleted" json:"is_deleted"`
}

func (m *Meta) meta() *Meta { return m }

// Layout of Meta.Version, highest bits first: when the sender last changed the
// thing (milliseconds), the sender's order inside one instant, the replay that
// wrote the row, and a hash of the row's content. The highest version of a key
// is the row that counts, so redelivery, reordering and correction converge to
// the same row whatever the order of arrival, and two different rows with one
// timestamp still have a winner that does not depend on luck.
const (
	hashBits  = 10
	epochBits = 9
	rankBits  = 3
	// MaxReplays is how many replays of a source the version can tell apart.
	MaxReplays = 1<<epochBits - 1

	maxVersionMillis = 1<<(64-rankBits-epochBits-hashBits) - 1
)

// NewVersion is the version of a row that the sender changed at the given time.
// rank (0…7) orders changes that carry the same timestamp, such as a
// deployment's pending, running and finished.
func NewVersion(changed time.Time, rank uint8) uint64 {
	// A time beyond the bits (the year 2109) would wrap round and lose to every
	// honest row; held at the end it is only absurd.
	ms := min(max(changed.UnixMilli(), 0), maxVersionMillis)
	return uint64(ms)<<(rankBits+epochBits+hashBits) | uint64(min(rank, 7))<<(epochBits+hashBits)
}

// GuessVersion is the version of a row that a source makes for want of a catalogue,
// such as a service named after its repository. Guesses are in order among
// themselves and lose to every NewVersion of the same key, so that what somebody
// declared is not overwritten by what was inferred.
func GuessVersion(changed time.Time) uint64 {
	// Half a century behind is behind everything that anybody declared.
	return NewVersion(changed.AddDate(-50, 0, 0), 0)
}

// EarliestVersion is the version of a row of which the earliest counts, such as
// when something was first seen: it falls as the time grows.
func EarliestVersion(at time.Time) uint64 {
	return NewVersion(time.UnixMilli(maxVersionMillis-min(max(at.UnixMilli(), 0), maxVersionMillis)), 0)
}

// IdentityVersion is the version of an Identity, so that the better evidence of two
// wins whatever the order of arrival: explicit mapping, catalog annotation, SSO,
// verified e-mail (how of Identity). A mapping that is withdrawn leaves the identity
// unmapped until its ref is mapped again.
func IdentityVersion(changed time.Time, how string) uint64 {
	// Twelve years lie between two kinds of evidence: longer than any history of
	// identities, and the last is still after 1970.
	const apart = 12
	i := slices.Index([]string{"mapping", "catalog", "sso", "email"}, how)
	if i < 0 {
		return GuessVersion(changed)
	}
	return NewVersion(changed.AddDate(-apart*i, 0, 0), 0)
}

// VersionTime is the time part of a version.
func VersionTime(v uint64) time.Time {
	return time.UnixMilli(int64(v >> (rankBits + epochBits + hashBits))).UTC()
}

// Bounds of a time that the tables can hold. Seal moves times outside to the
// nearer bound: the row is kept, and every metric sees that it is absurd.
var (
	MinTime = time.Unix(0, 0).UTC()
	MaxTime = time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC)
)

// Seal makes a fact ready to store: times in UTC at millisecond precision and
// inside the bounds, and the replay number (0 for live events) and content hash
// added to its version. Sealing twice changes nothing.
func Seal(f Fact, replay int) error {
	if replay < 0 || replay > MaxReplays {
		return fmt.Errorf("replay number %d is outside 0…%d", replay, MaxReplays)
	}
	v := reflect.ValueOf(f).Elem()
	for _, i := range timeFields(v.Type()) {
		sealTime(v.Field(i))
	}
	m := f.meta()
	m.Version = m.Version >> (epochBits + hashBits) << (epochBits + hashBits)
	hash, err := contentHash(v)
	if err != nil {
		return fmt.Errorf("hashing %s %s: %w", f.Table(), f.FactID(), err)
	}
	m.Version |= uint64(replay)<<hashBits | hash&(1<<hashBits-1)
	return nil
}

var timeFieldCache sync.Map // reflect.Type → []int

func timeFields(t reflect.Type) []int {
	if c, ok := timeFieldCache.Load(t); ok {
		return c.([]int)
	}
	var out []int
	for i := range t.NumField() {
		switch t.Field(i).Type {
		case reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Time]():
			out = append(out, i)
		}
	}
	timeFieldCache.Store(t, out)
	return out
}

// sealTime seals a time or a pointer to one. Events may share what a pointer points
// to, so that is not written to.
func sealTime(v reflect.Value) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = storable(*at)
	case **time.Time:
		if *at != nil {
			t := storable(**at)
			*at = &t
		}
	}
}

func storable(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Before(MinTime) {
		return MinTime
	}
	if t.After(MaxTime) {
		return MaxTime
	}
	return t
}

// MarkDeleted turns a fact into the withdrawal of what its key said.
func MarkDeleted(f Fact) { f.meta().Deleted = 1 }

// MetaOf gives what every fact carries, for reading.
func MetaOf(f Fact) Meta { return *f.meta() }
