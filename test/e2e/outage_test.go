package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const outageSources = `
sources:
  github:
    webhook_secret_file: github.secret
`

// post sends a GitHub delivery signed with a secret and returns the status.
func (in *installation) post(p *process, id, secret string, body []byte) int {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.listen+"/hooks/github", bytes.NewReader(body))
	if err != nil {
		in.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		in.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		in.t.Fatal(err)
	}
	return resp.StatusCode
}

// push is a push of one commit, as GitHub sends it.
func push(n int) []byte {
	sha := fmt.Sprintf("%040x", n+1)
	return fmt.Appendf(nil, `{"ref":"refs/heads/main","before":"%040d","after":%q,"commits":[{"id":%q,"message":"Change %d",
		"timestamp":"2026-05-04T10:00:00Z","added":[],"removed":[],"modified":["a.go"]}],"head_commit":{"id":%q},
		"repository":{"id":1,"full_name":"acme/shop","html_url":"https://github.com/acme/shop","clone_url":"https://github.com/acme/shop.git"}}`,
		0, sha, sha, n, sha)
}

func (in *installation) scalar(query string) string {
	in.t.Helper()
	rows := in.csv(query)
	if len(rows) != 1 {
		in.t.Fatalf("%s: %d rows", query, len(rows))
	}
	return rows[0][0]
}

// TestBadInputIsRefusedOrKept sends what senders send by mistake or malice.
func TestBadInputIsRefusedOrKept(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, outageSources)
	up := in.start("up")
	secret := in.secrets.GitHub.Reveal()
	for _, c := range []struct {
		name, secret string
		body         []byte
		want         int
	}{
		{"a wrong signature", "guessed", push(1), http.StatusUnauthorized},
		{"more than 25 MB", secret, bytes.Repeat([]byte(" "), 25<<20+1), http.StatusRequestEntityTooLarge},
		{"a payload that is no JSON, signed", secret, []byte(`{"ref": `), http.StatusAccepted},
		{"a payload without what a push has, signed", secret, []byte(`{}`), http.StatusAccepted},
		{"a good one", secret, push(2), http.StatusAccepted},
		{"the same again", secret, push(2), http.StatusAccepted},
	} {
		id := strings.ReplaceAll(c.name, " ", "-")
		if c.name == "the same again" {
			id = "a-good-one"
		}
		if got := in.post(up, id, c.secret, c.body); got != c.want {
			t.Errorf("%s: answered %d, want %d", c.name, got, c.want)
		}
	}
	in.settle("github")
	if got := in.headway("sql", "SELECT event_id, outcome FROM receipts FINAL WHERE source = 'github' ORDER BY ALL", "-o", "csv"); got != `event_id,outcome
a-good-one,facts
"a-payload-that-is-no-JSON,-signed",dead
"a-payload-without-what-a-push-has,-signed",dead
` {
		t.Errorf("receipts:\n%s", got)
	}
	list := in.headway("deadletter", "list")
	if !strings.Contains(list, "a-payload-that-is-no-JSON,-signed") || !strings.Contains(list, "unparsable") {
		t.Errorf("headway deadletter list:\n%s", list)
	}
	if got := in.headway("deadletter", "show", "github", "a-payload-that-is-no-JSON,-signed"); got != "{\"ref\": \n" {
		t.Errorf("the payload is not kept as it came: %q", got)
	}
	if strings.Contains(up.output.String(), secret) {
		t.Error("the log holds the webhook's secret")
	}
}

// TestOutagesAreWaitedFor takes ClickHouse and then Kafka away: with ClickHouse
// gone everything is accepted and later visible, with Kafka gone nothing is
// accepted; readiness says which part is missing.
func TestOutagesAreWaitedFor(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, outageSources)
	servers := in.start("servers")
	collect := in.start("collect")
	pipeline := in.start("pipeline")
	secret := in.secrets.GitHub.Reveal()
	const each = 20
	send := func(from int) {
		for n := from; n < from+each; n++ {
			if got := in.post(collect, fmt.Sprintf("push-%d", n), secret, push(n)); got != http.StatusAccepted {
				t.Fatalf("push %d: answered %d", n, got)
			}
		}
	}
	send(0)
	in.settle("github")

	// The servers' process stops as a whole, and with it the broker.
	in.kill(servers)
	if got := in.post(collect, "refused", secret, push(999)); got != http.StatusServiceUnavailable {
		t.Errorf("without Kafka: answered %d, want 503", got)
	}
	in.eventually("waiting until the pipeline says that it is not ready", startTimeout, func(ctx context.Context) error {
		if err := get(ctx, "http://"+pipeline.listen+"/readyz", nil); err == nil || !strings.Contains(err.Error(), "503") {
			return fmt.Errorf("readiness: %w", err)
		}
		return nil
	})
	in.launch(servers)
	in.eventually("waiting until the collector takes events again", startTimeout, func(ctx context.Context) error {
		return get(ctx, "http://"+collect.listen+"/readyz", nil)
	})
	send(each)
	in.eventually("waiting until the pipeline is ready again", startTimeout, func(ctx context.Context) error {
		return get(ctx, "http://"+pipeline.listen+"/readyz", nil)
	})
	in.settle("github")
	if got := in.scalar("SELECT count() FROM commits FINAL"); got != strconv.Itoa(2*each) {
		t.Errorf("%s commits after the outage, want %d", got, 2*each)
	}
	if got := in.scalar("SELECT count() FROM receipts FINAL WHERE event_id = 'refused'"); got != "0" {
		t.Errorf("a delivery answered with 503 was counted: %s", got)
	}
}

// TestATakenPortIsFoundBeforeAnythingStarts names the key to change.
func TestATakenPortIsFoundBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	in := newInstallation(t, "")
	in.start("up")
	other := newInstallation(t, "")
	other.config = in.config
	_, err := other.tryHeadway("up", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
	if err == nil {
		t.Fatal("a second Headway started on the same ports")
	}
	for _, key := range []string{"embedded.kafka_port", "embedded.clickhouse_port", "embedded.clickhouse_http_port"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("the error does not name %s: %v", key, err)
		}
	}
	if strings.Contains(err.Error(), "Starting ClickHouse") {
		t.Errorf("something was started before the ports were checked: %v", err)
	}
}
