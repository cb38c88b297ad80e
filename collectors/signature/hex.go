package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"net/http"
	"strconv"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// Hex is a hexadecimal HMAC of the body, optionally behind a prefix, optionally
// of several secrets in one comma list: GitHub "X-Hub-Signature-256" (sha256=),
// PagerDuty "X-PagerDuty-Signature" (v1=), CircleCI "circleci-signature" (v1=),
// Jira and Snyk "X-Hub-Signature" (sha256=), Pulumi, Linear, and with SHA512 HCP
// Terraform "X-TFE-Notification-Signature".
type Hex struct {
	Header string
	Prefix string
	// SHA512 is set for senders that use it; else SHA-256.
	SHA512 bool
	// TimestampHeader, when set, names the header whose value is signed before
	// the body with Separator between (Grafana Alerting, ":").
	TimestampHeader string
	Separator       string
	// Tolerance of the timestamp; 0 is DefaultTolerance.
	Tolerance time.Duration
	Secrets   []secret.String
}

func (s Hex) hash() func() hash.Hash {
	if s.SHA512 {
		return sha512.New
	}
	return sha256.New
}

// parts is what is signed before the body.
func (s Hex) parts(header http.Header) [][]byte {
	if s.TimestampHeader == "" {
		return nil
	}
	return [][]byte{[]byte(header.Get(s.TimestampHeader)), []byte(s.Separator)}
}

// Verify implements Scheme.
func (s Hex) Verify(header http.Header, body []byte, now time.Time) error {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return err
	}
	if s.TimestampHeader != "" {
		if err := timestamp(header.Get(s.TimestampHeader), now, s.Tolerance); err != nil {
			return err
		}
	}
	var given [][]byte
	for _, c := range candidates(header.Get(s.Header), s.Prefix) {
		if b, err := hex.DecodeString(c); err == nil {
			given = append(given, b)
		}
	}
	if len(given) == 0 {
		return refuse("no signature in header %s", s.Header)
	}
	var sums [][]byte
	for _, k := range secrets {
		sums = append(sums, sum(s.hash(), []byte(k), append(s.parts(header), body)...))
	}
	if !anyMatch(sums, given) {
		return refuse("header %s", s.Header)
	}
	return nil
}

// Sign implements Scheme with the first secret.
func (s Hex) Sign(header http.Header, body []byte, now time.Time) {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return
	}
	if s.TimestampHeader != "" {
		header.Set(s.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	}
	mac := sum(s.hash(), []byte(secrets[0]), append(s.parts(header), body)...)
	header.Set(s.Header, s.Prefix+hex.EncodeToString(mac))
}
