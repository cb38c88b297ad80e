package collectors

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

// Limit bounds what one source may send. The zero value leaves the server's own
// bound of MaxBody and no rate.
type Limit struct {
	// PerSecond deliveries on average, counted once they are verified, so that a
	// stranger cannot use up what belongs to the sender.
	PerSecond float64 `yaml:"per_second" json:"per_second,omitempty" jsonschema:"description=Deliveries a second on average; 0 is no limit"`
	// Burst is how many may come at once.
	Burst int `yaml:"burst" json:"burst,omitempty" jsonschema:"description=Deliveries at once; 0 is those of ten seconds"`
	// MaxBodyMB is the largest body in MiB.
	MaxBodyMB int `yaml:"max_body_mb" json:"max_body_mb,omitempty" jsonschema:"description=Largest body in MiB,default=25"`
}

// Validate returns the first problem, with its key and the fix.
func (l Limit) Validate() error {
	switch {
	case l.PerSecond < 0 || math.IsNaN(l.PerSecond) || math.IsInf(l.PerSecond, 0):
		return errors.New("per_second must be 0 or more; 0 is no limit")
	case l.Burst < 0 || l.Burst > 0 && l.PerSecond == 0:
		return errors.New("burst needs per_second beside it, and must be 0 or more")
	case l.MaxBodyMB < 0 || l.MaxBodyMB > MaxBody>>20:
		return fmt.Errorf("max_body_mb must be 1 to %d", MaxBody>>20)
	}
	return nil
}

// burstSeconds is for how long the average rate may come at once.
const burstSeconds = 10

// gate holds a source to its Limit.
type gate struct {
	maxBody int64
	// bucket is nil without a rate.
	bucket *rate.Limiter
}

func newGate(l Limit) gate {
	g := gate{maxBody: MaxBody}
	if l.MaxBodyMB > 0 {
		g.maxBody = int64(l.MaxBodyMB) << 20
	}
	if l.PerSecond > 0 {
		burst := l.Burst
		if burst == 0 {
			burst = int(math.Ceil(l.PerSecond * burstSeconds))
		}
		g.bucket = rate.NewLimiter(rate.Limit(l.PerSecond), burst)
	}
	return g
}

// admit takes a verified delivery from the bucket, or says when to come back:
// every sender repeats on 429 that repeats at all.
func (g gate) admit(now time.Time) *rejection {
	if g.bucket == nil {
		return nil
	}
	r := g.bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return nil
	}
	r.CancelAt(now)
	rej := reject(http.StatusTooManyRequests, "rate", "too many deliveries of this source; send it again later", nil)
	rej.retryAfter = strconv.Itoa(int(math.Ceil(wait.Seconds())))
	return rej
}
