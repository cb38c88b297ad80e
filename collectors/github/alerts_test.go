package github_test

import (
	"bytes"
	"net/http"
	"net/url"
	"testing"

	"github.com/headway-metrics/headway/collectors/collectortest"
)

// TestTheSecretOfAnAlertIsNotKept: neither of JSON nor of a form.
func TestTheSecretOfAnAlertIsNotKept(t *testing.T) {
	t.Parallel()
	const secret = "AKIAIOSFODNN7EXAMPLE"
	body := []byte(`{"action":"created","repository":{"html_url":"https://github.com/acme/shop"},"alert":{"number":9,"secret_type":"aws_access_key_id",
		"secret":"` + secret + `","created_at":"2026-05-01T10:00:00Z","updated_at":"2026-05-02T10:00:00Z"}}`)
	form := []byte(url.Values{"payload": {string(body)}}.Encode())
	for contentType, sent := range map[string][]byte{"application/json": body, "application/x-www-form-urlencoded": form} {
		for _, name := range []string{"secret_scanning_alert", "secret_scanning_alert_location"} {
			src := webhookSource(t)
			events, err := src.Events(http.Header{"X-Github-Event": {name}, "Content-Type": {contentType}}, sent, collectortest.Time)
			if err != nil || len(events) != 1 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			if bytes.Contains(events[0].Data, []byte(secret)) {
				t.Errorf("the event of %s as %s holds the secret: %s", name, contentType, events[0].Data)
			}
			if got := collectortest.Describe(t, src, events[0]); name == "secret_scanning_alert" && !bytes.Contains(got, []byte(`"Kind": "secret"`)) {
				t.Errorf("as %s no finding is left: %s", contentType, got)
			}
		}
	}
}
