// Package signature checks who sent a webhook. Five schemes cover every system
// that Headway reads: hex HMAC, hex HMAC over a timestamp, Standard Webhooks,
// base64 HMAC over a timestamp, and a plain shared secret.
//
// A scheme compares in constant time over the raw body and accepts any one of
// several secrets, so that a secret can be rotated without losing a delivery.
// What a body means may not enter here.
package signature

import (
	"crypto/hmac"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/internal/secret"
)

// DefaultTolerance is how far the sender's clock may be from ours before a
// timestamped delivery counts as replayed (standardwebhooks.com, "Verifying
// timestamps").
const DefaultTolerance = 5 * time.Minute

// Scheme checks a delivery, and signs one as its sender would. Errors of Verify
// wrap collectors.ErrSignature and hold nothing of the secret or the body.
type Scheme interface {
	Verify(header http.Header, body []byte, now time.Time) error
	// Sign sets the headers that Verify accepts; it does nothing without a secret.
	Sign(header http.Header, body []byte, now time.Time)
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", collectors.ErrSignature, fmt.Sprintf(format, args...))
}

// keys are the secrets that are set. An empty secret would sign anything for
// anybody, so it never counts.
func keys(secrets []secret.String) ([]string, error) {
	var out []string
	for _, s := range secrets {
		if s != "" {
			out = append(out, s.Reveal())
		}
	}
	if len(out) == 0 {
		return nil, collectors.ErrNoSecret
	}
	return out, nil
}

// timestamp reads seconds, milliseconds or RFC 3339 and holds it against now.
func timestamp(value string, now time.Time, tolerance time.Duration) error {
	if value == "" {
		return refuse("no timestamp")
	}
	var at time.Time
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		at = time.Unix(n, 0)
		// Seconds stay below this until the year 5138.
		if n >= 1e11 {
			at = time.UnixMilli(n)
		}
	} else if at, err = time.Parse(time.RFC3339, value); err != nil {
		return refuse("timestamp is neither a number nor RFC 3339")
	}
	return Fresh(at, now, tolerance)
}

// Fresh refuses a delivery whose signed time is further from now than the tolerance,
// 0 being DefaultTolerance. It is for senders that write the time into the body.
func Fresh(at, now time.Time, tolerance time.Duration) error {
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	if d := now.Sub(at); d > tolerance || d < -tolerance {
		return refuse("timestamp is more than %s away", tolerance)
	}
	return nil
}

// candidates splits a signature header on the commas and spaces that separate
// the signatures of several secrets, and keeps those with the prefix.
func candidates(header, prefix string) []string {
	var out []string
	for _, c := range strings.FieldsFunc(header, func(r rune) bool { return r == ',' || r == ' ' }) {
		if c, ok := strings.CutPrefix(c, prefix); ok && c != "" {
			out = append(out, c)
		}
	}
	return out
}

// anyMatch tries every pair: which secret or signature matched must not show in
// the time taken.
func anyMatch(sums, given [][]byte) bool {
	found := false
	for _, s := range sums {
		for _, g := range given {
			if hmac.Equal(s, g) {
				found = true
			}
		}
	}
	return found
}

func sum(h func() hash.Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(h, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}
