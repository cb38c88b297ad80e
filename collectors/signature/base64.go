package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// StandardWebhooks is the scheme of standardwebhooks.com, once Svix: base64
// HMAC-SHA256 of "id.timestamp.body" behind "v1,". incident.io and GitLab's
// signing tokens use it.
type StandardWebhooks struct {
	// HeaderPrefix is "webhook-" when empty; Svix says "svix-".
	HeaderPrefix string
	// Tolerance of the timestamp; 0 is DefaultTolerance.
	Tolerance time.Duration
	// Secrets as the sender shows them: base64, with or without "whsec_".
	Secrets []secret.String
}

func (s StandardWebhooks) header(name string) string {
	if s.HeaderPrefix == "" {
		return "webhook-" + name
	}
	return s.HeaderPrefix + name
}

func (s StandardWebhooks) keys() ([][]byte, error) {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, k := range secrets {
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k, "whsec_"))
		if err != nil || len(b) == 0 {
			return nil, refuse("a configured secret is not base64 after whsec_")
		}
		out = append(out, b)
	}
	return out, nil
}

func (s StandardWebhooks) sum(key []byte, header http.Header, body []byte) []byte {
	return sum(sha256.New, key,
		[]byte(header.Get(s.header("id"))), []byte("."),
		[]byte(header.Get(s.header("timestamp"))), []byte("."), body)
}

// Verify implements Scheme.
func (s StandardWebhooks) Verify(header http.Header, body []byte, now time.Time) error {
	secrets, err := s.keys()
	if err != nil {
		return err
	}
	if header.Get(s.header("id")) == "" {
		return refuse("no header %s", s.header("id"))
	}
	if err := timestamp(header.Get(s.header("timestamp")), now, s.Tolerance); err != nil {
		return err
	}
	var given [][]byte
	// The signatures are separated by spaces; each has its version before a comma.
	for c := range strings.FieldsSeq(header.Get(s.header("signature"))) {
		c, ok := strings.CutPrefix(c, "v1,")
		if b, err := base64.StdEncoding.DecodeString(c); ok && err == nil {
			given = append(given, b)
		}
	}
	if len(given) == 0 {
		return refuse("no v1 signature in header %s", s.header("signature"))
	}
	var sums [][]byte
	for _, k := range secrets {
		sums = append(sums, s.sum(k, header, body))
	}
	if !anyMatch(sums, given) {
		return refuse("header %s", s.header("signature"))
	}
	return nil
}

// Sign implements Scheme with the first secret. The id header must be set
// before, since it is signed too.
func (s StandardWebhooks) Sign(header http.Header, body []byte, now time.Time) {
	secrets, err := s.keys()
	if err != nil {
		return
	}
	header.Set(s.header("timestamp"), strconv.FormatInt(now.Unix(), 10))
	mac := s.sum(secrets[0], header, body)
	header.Set(s.header("signature"), "v1,"+base64.StdEncoding.EncodeToString(mac))
}

// Timestamped is a base64 HMAC-SHA256 of timestamp, separator and body: Zendesk
// (no separator) and Port (".", prefix "v1,").
type Timestamped struct {
	Header          string
	Prefix          string
	TimestampHeader string
	Separator       string
	// Tolerance of the timestamp; 0 is DefaultTolerance.
	Tolerance time.Duration
	Secrets   []secret.String
}

func (s Timestamped) sum(key string, header http.Header, body []byte) []byte {
	return sum(sha256.New, []byte(key), []byte(header.Get(s.TimestampHeader)), []byte(s.Separator), body)
}

// Verify implements Scheme.
func (s Timestamped) Verify(header http.Header, body []byte, now time.Time) error {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return err
	}
	if err := timestamp(header.Get(s.TimestampHeader), now, s.Tolerance); err != nil {
		return err
	}
	c, ok := strings.CutPrefix(header.Get(s.Header), s.Prefix)
	given, err := base64.StdEncoding.DecodeString(c)
	if !ok || err != nil || len(given) == 0 {
		return refuse("no signature in header %s", s.Header)
	}
	var sums [][]byte
	for _, k := range secrets {
		sums = append(sums, s.sum(k, header, body))
	}
	if !anyMatch(sums, [][]byte{given}) {
		return refuse("header %s", s.Header)
	}
	return nil
}

// Sign implements Scheme with the first secret.
func (s Timestamped) Sign(header http.Header, body []byte, now time.Time) {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return
	}
	header.Set(s.TimestampHeader, now.UTC().Format(time.RFC3339))
	header.Set(s.Header, s.Prefix+base64.StdEncoding.EncodeToString(s.sum(secrets[0], header, body)))
}
