package sample

import (
	"crypto/sha1" //nolint:gosec // Commit ids are SHA-1; nothing is protected by them.
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// dice is a seeded source of chance. Each part of the organisation has its own,
// so that a change in one part does not move the others.
type dice struct{ *rand.Rand }

func newDice(seed uint64, part string) dice {
	h := fnv.New64a()
	_, _ = h.Write([]byte(part))                        // A hash never fails.
	return dice{rand.New(rand.NewPCG(seed, h.Sum64()))} //nolint:gosec // Reproducible on purpose.
}

// chance is true with probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// around is a long-tailed duration with the given median, between a tenth and
// twelve times of it.
func (d dice) around(median time.Duration) time.Duration {
	f := math.Exp(d.NormFloat64() * 0.8)
	return time.Duration(float64(median) * min(max(f, 0.1), 12)).Truncate(time.Second)
}

// between is a duration in [lo, hi).
func (d dice) between(lo, hi time.Duration) time.Duration {
	return (lo + time.Duration(d.Int64N(int64(hi-lo)))).Truncate(time.Second)
}

func pick[T any](d dice, from []T) T { return from[d.IntN(len(from))] }

func (d dice) sha(label string) string {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], d.Uint64())
	sum := sha1.Sum(fmt.Appendf(b[:], "%s", label)) //nolint:gosec // As above.
	return hex.EncodeToString(sum[:])
}

// workHour moves a time to the next moment between 08:00 and 18:00 of a working
// day, UTC.
func workHour(t time.Time) time.Time {
	for {
		switch {
		case t.Weekday() == time.Saturday || t.Weekday() == time.Sunday || t.Hour() >= 18:
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 8, t.Minute(), t.Second(), 0, time.UTC)
		case t.Hour() < 8:
			t = time.Date(t.Year(), t.Month(), t.Day(), 8, t.Minute(), t.Second(), 0, time.UTC)
		default:
			return t
		}
	}
}
