package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/all"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/collectors/signature"
	"github.com/headway-metrics/headway/internal/reference"
	"github.com/headway-metrics/headway/internal/secret"
	"github.com/headway-metrics/headway/schema"
)

// theSecret of every source: long, and of the form that Standard Webhooks want.
const theSecret = "whsec_ZXZlcnktc291cmNlLW9mLXRoZS1yZWdpc3RyeQ=="

func theSecrets() []secret.String { return []secret.String{theSecret} }

// sendTimeout is how long it may take until something of every source became facts.
const sendTimeout = time.Minute

// connection is what a source needs to send.
type connection struct {
	// config is its part of headway.yaml; SYSTEM stands for the address of its system.
	config string
	// system answers what the source asks; nil when it asks nothing.
	system http.HandlerFunc
	// scheme signs the deliveries as their sender does; nil when nothing is delivered.
	scheme signature.Scheme
	// paths of deliveries by the name of their event in testdata; those that are not
	// named go to /hooks/<source>.
	paths map[string]string
	// skip leaves out what testdata holds beside deliveries.
	skip func(ev schema.Event) bool
	// change makes a delivery one of now.
	change func(body []byte) []byte
}

// TestEverySourceSends connects every source of the registry to a local system that
// answers and signs as the real one does, and asks Data quality what became of their
// events: each has sent one that became facts, and each that asks was answered.
func TestEverySourceSends(t *testing.T) {
	t.Parallel()
	made := connections(t)
	var yaml strings.Builder
	yaml.WriteString("sources:\n")
	for _, e := range all.Entries() {
		c, ok := made[e.Name]
		if !ok {
			t.Errorf("source %s of the registry has no connection: add one to connections", e.Name)
			continue
		}
		if asks := c.system != nil || slices.Contains([]string{"csv", "git", "gitops"}, e.Name); asks != (e.Polls != "") {
			t.Errorf("source %s: Entry.Polls is %q, and its connection has a system: %t", e.Name, e.Polls, asks)
		}
		if (c.scheme != nil) != (e.Signature != "") {
			t.Errorf("source %s: Entry.Signature is %q, and its connection signs: %t", e.Name, e.Signature, c.scheme != nil)
		}
		config := c.config
		if c.system != nil {
			config = strings.ReplaceAll(config, "SYSTEM", collectortest.NewAPI(t, c.system).URL)
		}
		fmt.Fprintf(&yaml, "  %s:\n    %s\n", e.Name, strings.ReplaceAll(strings.TrimSpace(config), "\n", "\n    "))
	}
	in := newInstallation(t, yaml.String())
	if err := os.WriteFile(filepath.Join(in.dir, "secret"), []byte(theSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	up := in.start("up")
	var names []string
	for _, e := range all.Entries() {
		names = append(names, e.Name)
		if c := made[e.Name]; c.scheme != nil {
			in.deliver(up, e, c)
		}
	}
	in.eventually("waiting until every source has sent facts", sendTimeout, func(context.Context) error {
		var missing []string
		rows := in.health()
		for _, name := range names {
			if rows[name]["understood"] == "" || rows[name]["understood"] == "0" {
				missing = append(missing, name+" "+rows[name]["error"])
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("nothing has become facts of %s", strings.Join(missing, ", "))
		}
		return nil
	})
	in.settle(names...)
	in.reportHealth(names)
}

// deliver sends what is not polled of a source's testdata, as its system would.
func (in *installation) deliver(up *process, e collectors.Entry, c connection) {
	in.t.Helper()
	sent := deliveries(in.t, e, c)
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		body, path := sent[name], c.paths[name]
		if path == "" {
			path = "/hooks/" + e.Name
		}
		req, err := http.NewRequestWithContext(in.t.Context(), http.MethodPost, "http://"+up.listen+path, bytes.NewReader(body.Data))
		if err != nil {
			in.t.Fatal(err)
		}
		for key, value := range map[string]string{
			"Content-Type": "application/json", "Webhook-Id": name, "X-Webhook-Id": name, "X-Atlassian-Webhook-Identifier": name,
			"X-GitHub-Event": strings.TrimPrefix(body.Type, "github."), "X-GitHub-Delivery": name,
			generic.ServiceHeader: "shop",
		} {
			req.Header.Set(key, value)
		}
		c.scheme.Sign(req.Header, body.Data, time.Now())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			in.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			in.t.Errorf("%s: delivery %s is answered %s", e.Name, name, resp.Status)
		}
	}
}

func deliveries(t *testing.T, e collectors.Entry, c connection) map[string]schema.Event {
	t.Helper()
	out := map[string]schema.Event{}
	if c.paths != nil {
		for name := range c.paths {
			file := name
			if filepath.Ext(file) == "" {
				file += ".json"
			}
			body, err := os.ReadFile(filepath.Join(testdata(e.Name), file))
			if err != nil {
				t.Fatal(err)
			}
			out[name] = schema.Event{Data: body}
		}
		return out
	}
	for name, ev := range collectortest.Events(t, e.Name, testdata(e.Name)) {
		if strings.HasPrefix(ev.Type, e.Name+".rest.") || c.skip != nil && c.skip(ev) {
			continue
		}
		if c.change != nil {
			ev.Data = c.change(ev.Data)
		}
		out[name] = ev
	}
	return out
}

// testdata is the folder of a source's payloads.
func testdata(source string) string {
	for _, e := range all.Entries() {
		if e.Name == source {
			return filepath.Join("..", "..", filepath.FromSlash(reference.Folder(e)), "testdata")
		}
	}
	return ""
}

// health is "headway sources status" by source and column.
func (in *installation) health() map[string]map[string]string {
	in.t.Helper()
	rows := in.table("sources", "status", "-o", "csv")
	out := map[string]map[string]string{}
	for _, row := range rows[1:] {
		line := map[string]string{}
		for i, column := range rows[0] {
			line[column] = row[i]
		}
		out[line["source"]] = line
	}
	return out
}

// reportHealth prints what Data quality shows, and holds it against what must be.
func (in *installation) reportHealth(names []string) {
	in.t.Helper()
	polls := map[string]bool{}
	for _, e := range all.Entries() {
		polls[e.Name] = e.Polls != ""
	}
	shown := map[string]bool{}
	for _, row := range in.csv("SELECT DISTINCT source FROM receipts FINAL") {
		shown[row[0]] = true
	}
	rows := in.health()
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %7s %7s %8s %6s\n", "source", "events", "facts", "ignored", "dead")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		r := rows[name]
		fmt.Fprintf(&b, "%-14s %7s %7s %8s %6s\n", name, r["events"], r["understood"], r["ignored"], r["dead"])
	}
	in.t.Logf("Data quality:\n%s", b.String())
	for _, name := range names {
		r := rows[name]
		sum := 0
		for _, column := range []string{"understood", "ignored", "dead"} {
			n, err := strconv.Atoi(r[column])
			if err != nil {
				in.t.Errorf("%s: %s is %q", name, column, r[column])
			}
			sum += n
		}
		if strconv.Itoa(sum) != r["events"] || r["waiting"] != "0" || !shown[name] {
			in.t.Errorf("%s: not every event is accounted for: %v", name, r)
		}
		if polls[name] && (r["last_poll"] == "" || r["error"] != "") {
			in.t.Errorf("%s was not asked, or not answered: %v", name, r)
		}
	}
}
