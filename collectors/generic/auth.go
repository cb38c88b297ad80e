// Package generic holds what Headway's two open doors share: who may come in.
// The doors are its children: events takes CloudEvents and CDEvents, api takes
// Headway's own plain JSON.
package generic

import (
	"fmt"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

// SignatureHeader carries "sha256=" and the hexadecimal HMAC-SHA256 of the body,
// for senders that sign instead of sending a token.
const SignatureHeader = "X-Headway-Signature-256"

// SignatureInWords is Entry.Signature of the doors.
const SignatureInWords = "`Authorization: Bearer` with a token, or `" + SignatureHeader + "`, hex HMAC-SHA256 of the body"

// Auth is who may send. Without any secret nobody may, unless WithoutToken says
// so in words: an open door is never a default.
type Auth struct {
	Token                 secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Bearer token of the senders; use token_file or ${env:NAME}. http.api_token is accepted too"`
	PreviousToken         secret.String `yaml:"previous_token" json:"previous_token,omitempty" jsonschema:"description=Token still accepted while senders change to the new one"`
	SigningSecret         secret.String `yaml:"signing_secret" json:"signing_secret,omitempty" jsonschema:"description=Secret of senders that sign the body in X-Headway-Signature-256"`
	PreviousSigningSecret secret.String `yaml:"previous_signing_secret" json:"previous_signing_secret,omitempty" jsonschema:"description=Signing secret still accepted while senders change to the new one"`
	WithoutToken          bool          `yaml:"without_token" json:"without_token,omitempty" jsonschema:"description=Accept everybody who reaches the listener; only for a listener on loopback,default=false"`
}

// OpenToAll says that whoever reaches the listener may send. Whoever makes the
// source refuses that when strangers reach the listener.
func (a Auth) OpenToAll() bool { return a.WithoutToken }

// Verifier checks deliveries by an Auth.
type Verifier struct {
	bearer signature.Plain
	hmac   signature.Hex
	open   bool
	source string
}

// Verifier makes the check for a source; apiToken is the token of the whole API.
func (a Auth) Verifier(source string, apiToken secret.String) (Verifier, error) {
	v := Verifier{
		bearer: signature.Plain{Header: "Authorization", Prefix: "Bearer ", Secrets: set(a.Token, a.PreviousToken, apiToken)},
		hmac:   signature.Hex{Header: SignatureHeader, Prefix: "sha256=", Secrets: set(a.SigningSecret, a.PreviousSigningSecret)},
		open:   a.WithoutToken, source: source,
	}
	if v.open && v.secrets() > 0 {
		return Verifier{}, fmt.Errorf("sources.%s.without_token stands beside a token or secret; remove one of them", source)
	}
	return v, nil
}

func set(all ...secret.String) []secret.String {
	var out []secret.String
	for _, s := range all {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (v Verifier) secrets() int { return len(v.bearer.Secrets) + len(v.hmac.Secrets) }

// Verify implements collectors.Receiver.
func (v Verifier) Verify(header http.Header, body []byte, now time.Time) error {
	switch {
	case v.open:
		// Any web page can make a browser post to a loopback address.
		if header.Get("Origin") != "" || header.Get("Sec-Fetch-Site") != "" {
			return fmt.Errorf("%w: a browser may not send here without a token", collectors.ErrSignature)
		}
		return nil
	case v.secrets() == 0:
		return fmt.Errorf("%w; set http.api_token_file or sources.%s.token_file", collectors.ErrNoSecret, v.source)
	case header.Get(SignatureHeader) != "":
		return v.hmac.Verify(header, body, now)
	}
	return v.bearer.Verify(header, body, now)
}
