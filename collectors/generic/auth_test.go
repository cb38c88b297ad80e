package generic_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/secret"
)

func TestVerifier(t *testing.T) {
	t.Parallel()
	both := generic.Auth{Token: "new", PreviousToken: "old", SigningSecret: "s"}
	const hmacOfBody = "sha256=" + "f2c5a3b5"
	tests := []struct {
		name   string
		auth   generic.Auth
		api    secret.String
		header map[string]string
		want   bool
	}{
		{"token", both, "", map[string]string{"Authorization": "Bearer new"}, true},
		{"token before the change", both, "", map[string]string{"Authorization": "bearer old"}, true},
		{"token of the API", both, "api", map[string]string{"Authorization": "Bearer api"}, true},
		{"only the token of the API", generic.Auth{}, "api", map[string]string{"Authorization": "Bearer api"}, true},
		{"wrong token", both, "api", map[string]string{"Authorization": "Bearer x"}, false},
		{"token as basic password", both, "", map[string]string{"Authorization": "Basic bmV3"}, false},
		{"wrong signature beside a good token", both, "", map[string]string{generic.SignatureHeader: hmacOfBody, "Authorization": "Bearer new"}, false},
		{"nothing sent", both, "", nil, false},
		{"nothing configured", generic.Auth{}, "", map[string]string{"Authorization": "Bearer "}, false},
		{"open", generic.Auth{WithoutToken: true}, "", nil, true},
		{"open, from a web page", generic.Auth{WithoutToken: true}, "", map[string]string{"Origin": "https://evil.example"}, false},
		{"open, from a web page without origin", generic.Auth{WithoutToken: true}, "", map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := tt.auth.Verifier("api", tt.api)
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			for k, val := range tt.header {
				h.Set(k, val)
			}
			err = v.Verify(h, []byte("{}"), time.Time{})
			if (err == nil) != tt.want || (err != nil && !errors.Is(err, collectors.ErrSignature)) {
				t.Errorf("Verify: %v, want accepted %v", err, tt.want)
			}
		})
	}
	for _, key := range []secret.String{"new", "old"} {
		h, body := http.Header{}, []byte("{}")
		signature.Hex{Header: generic.SignatureHeader, Prefix: "sha256=", Secrets: []secret.String{key}}.Sign(h, body, time.Time{})
		v, err := generic.Auth{SigningSecret: "new", PreviousSigningSecret: "old"}.Verifier("api", "")
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(h, body, time.Time{}); err != nil {
			t.Errorf("a signing secret of the rotation: %v", err)
		}
	}
	if _, err := (generic.Auth{WithoutToken: true}).Verifier("api", "t"); err == nil || !strings.Contains(err.Error(), "sources.api.without_token") {
		t.Errorf("an open door beside a token: %v, want an error that names the key", err)
	}
}
