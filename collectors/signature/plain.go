package signature

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/secret"
)

// Plain is a shared secret sent as it is, after an optional prefix: GitLab
// "X-Gitlab-Token", and "Authorization" with "Bearer " for Headway's own API and
// for systems that can set a header.
type Plain struct {
	Header  string
	Prefix  string
	Secrets []secret.String
}

// Verify implements Scheme.
func (s Plain) Verify(header http.Header, _ []byte, _ time.Time) error {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return err
	}
	value := header.Get(s.Header)
	// RFC 9110 §11.1: the name of an authentication scheme has no case.
	if len(value) <= len(s.Prefix) || !strings.EqualFold(value[:len(s.Prefix)], s.Prefix) {
		return refuse("no secret in header %s", s.Header)
	}
	if !same(secrets, value[len(s.Prefix):]) {
		return refuse("header %s", s.Header)
	}
	return nil
}

// Sign implements Scheme with the first secret.
func (s Plain) Sign(header http.Header, _ []byte, _ time.Time) {
	if secrets, err := keys(s.Secrets); err == nil {
		header.Set(s.Header, s.Prefix+secrets[0])
	}
}

// Basic is a shared secret sent as the password of HTTP basic authentication:
// Alertmanager, Atlantis, ServiceNow, Jenkins. The user name is not looked at.
type Basic struct {
	Secrets []secret.String
}

// Verify implements Scheme.
func (s Basic) Verify(header http.Header, _ []byte, _ time.Time) error {
	secrets, err := keys(s.Secrets)
	if err != nil {
		return err
	}
	_, password, ok := (&http.Request{Header: header}).BasicAuth()
	if !ok || password == "" {
		return refuse("no basic authentication")
	}
	if !same(secrets, password) {
		return refuse("basic authentication")
	}
	return nil
}

// Sign implements Scheme with the first secret, as the user "headway".
func (s Basic) Sign(header http.Header, _ []byte, _ time.Time) {
	if secrets, err := keys(s.Secrets); err == nil {
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("headway:"+secrets[0])))
	}
}

// same compares hashes, so that not even the length of a secret shows in the
// time taken.
func same(secrets []string, given string) bool {
	var sums [][]byte
	for _, s := range secrets {
		h := sha256.Sum256([]byte(s))
		sums = append(sums, h[:])
	}
	g := sha256.Sum256([]byte(given))
	return anyMatch(sums, [][]byte{g[:]})
}

// Shared is a shared secret of systems that do not sign but can send credentials:
// behind "Bearer " in Authorization, or as the password of basic authentication.
type Shared struct {
	Secrets []secret.String
}

// Verify implements Scheme.
func (s Shared) Verify(header http.Header, body []byte, now time.Time) error {
	if _, _, ok := (&http.Request{Header: header}).BasicAuth(); ok {
		return Basic(s).Verify(header, body, now)
	}
	return s.bearer().Verify(header, body, now)
}

// Sign implements Scheme with the first secret, behind "Bearer ".
func (s Shared) Sign(header http.Header, body []byte, now time.Time) {
	s.bearer().Sign(header, body, now)
}

func (s Shared) bearer() Plain {
	return Plain{Header: "Authorization", Prefix: "Bearer ", Secrets: s.Secrets}
}

// EmptySecrets names each empty one among a source's webhook_secrets, as its
// configuration calls them; what is the vendor's word for them.
func EmptySecrets(secrets []secret.String, what string) []error {
	var errs []error
	for i, s := range secrets {
		if s == "" {
			errs = append(errs, fmt.Errorf("webhook_secrets[%d] is empty: take it out or give the %s", i, what))
		}
	}
	return errs
}
