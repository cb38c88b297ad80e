package events_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/generic/events"
	"github.com/headway-metrics/headway/schema"
)

func source(tb testing.TB) collectors.Source {
	tb.Helper()
	s, err := events.Entry().New(events.Entry().Config(), collectors.Deps{APIToken: "t0k3n"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func sign(h http.Header, _ []byte, _ time.Time) { h.Set("Authorization", "Bearer t0k3n") }

func delivery(contentType, body string, headers ...string) collectortest.Delivery {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return collectortest.Delivery{Name: contentType, Path: "/v1/events", Header: h, Body: []byte(body)}
}

const deployed = `{"context":{"specversion":"0.5.0","id":"e-1","source":"/ci/1","type":"dev.cdevents.service.deployed.0.3.0",` +
	`"timestamp":"2026-05-01T10:00:00Z"},"subject":{"id":"shop","content":{"environment":{"id":"production"},"artifactId":"pkg:oci/shop@sha256%3A0b31?tag=v1"}}}`

func inCloudEvent(data string) string {
	return `{"specversion":"1.0","id":"e-1","source":"/ci/1","type":"dev.cdevents.service.deployed.0.3.0","subject":"shop","data":` + data + `}`
}

func modes() map[string]collectortest.Delivery {
	return map[string]collectortest.Delivery{
		"binary": delivery("application/json", deployed, "Ce-Specversion", "1.0", "Ce-Id", "e-1", "Ce-Source", "/ci/1",
			"Ce-Type", "dev.cdevents.service.deployed.0.3.0"),
		"structured":      delivery("application/cloudevents+json; charset=utf-8", inCloudEvent(deployed)),
		"data in base64":  delivery("application/cloudevents+json", strings.Replace(inCloudEvent(mustJSON([]byte(deployed))), `"data":`, `"data_base64":`, 1)),
		"data in a text":  delivery("application/cloudevents+json", inCloudEvent(mustJSON(deployed))),
		"batch":           delivery("application/cloudevents-batch+json", "["+inCloudEvent(deployed)+"]"),
		"plain CDEvent":   delivery("application/json", deployed),
		"plain CDEvents":  delivery("application/json", " ["+deployed+"]"),
		"no content type": delivery("", inCloudEvent(deployed)),
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// receive posts a delivery and returns the events of it.
func receive(t *testing.T, d collectortest.Delivery) []schema.Event {
	t.Helper()
	var p collectortest.Publisher
	sign(d.Header, d.Body, collectortest.Time)
	if rec := collectortest.Post(collectortest.NewServer(t, source(t), &p), d); rec.Code != http.StatusAccepted {
		t.Fatalf("answered %d: %s", rec.Code, rec.Body)
	}
	return p.Events()
}

func TestContract(t *testing.T) {
	t.Parallel()
	c := collectortest.Case{Source: source(t), Sign: sign}
	for name, d := range modes() {
		d.Name = name
		c.Deliveries = append(c.Deliveries, d)
	}
	for _, ev := range collectortest.Events(t, events.Name, "testdata") {
		c.Events = append(c.Events, ev)
	}
	collectortest.Check(t, c)
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, source(t), "testdata")
}

// TestEveryModeMeansTheSame: how a CloudEvent travels changes neither its id nor
// its facts.
func TestEveryModeMeansTheSame(t *testing.T) {
	t.Parallel()
	var want []byte
	for name, d := range modes() {
		got := receive(t, d)
		if len(got) != 1 || got[0].ID != schema.EventID(events.Name, "/ci/1", "e-1") || got[0].Key != "shop" {
			t.Fatalf("%s: %+v", name, got)
		}
		facts := collectortest.Describe(t, source(t), got[0])
		if want == nil {
			want = facts
		}
		if !bytes.Equal(facts, want) || !bytes.Contains(facts, []byte(`"deployments"`)) {
			t.Errorf("%s: %s\nwant %s", name, facts, want)
		}
	}
}

func TestOneBadElementLeavesTheOthers(t *testing.T) {
	t.Parallel()
	got := receive(t, delivery("application/cloudevents-batch+json", "["+inCloudEvent(deployed)+`,{"id":"no type"},7]`))
	var types []string
	for _, ev := range got {
		types = append(types, ev.Type)
	}
	want := []string{"dev.cdevents.service.deployed.0.3.0", "events.unreadable", "events.unreadable"}
	if !slices.Equal(types, want) || got[1].ID == got[2].ID {
		t.Errorf("types %v, want %v with ids of their own", types, want)
	}
}

func TestOtherCloudEventsAreIgnoredByName(t *testing.T) {
	t.Parallel()
	got := receive(t, delivery("text/plain", "hello", "Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/s", "Ce-Type", "com.example.hello"))
	if d := string(collectortest.Describe(t, source(t), got[0])); !strings.Contains(d, "a CloudEvent that is no CDEvent") {
		t.Error(d)
	}
}

func FuzzEvents(f *testing.F) {
	s := source(f)
	rec := s.(collectors.Intake).Endpoints()[0].Receiver
	for _, d := range modes() {
		f.Add(d.Header.Get("Content-Type"), d.Header.Get("Ce-Id"), d.Header.Get("Ce-Type"), d.Body)
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var one collectortest.File
		if json.Unmarshal(b, &one) == nil {
			f.Add("application/json", "", "", []byte(one.Data))
		}
	}
	f.Fuzz(func(t *testing.T, contentType, id, typ string, body []byte) {
		h := http.Header{"Content-Type": {contentType}}
		if id != "" {
			h.Set("Ce-Id", id)
			h.Set("Ce-Source", "/s")
			h.Set("Ce-Type", typ)
		}
		got, err := rec.Events(h, body, collectortest.Time)
		if err != nil {
			return
		}
		if len(got) == 0 {
			t.Error("a delivery without an event")
		}
		for _, ev := range got {
			if err := ev.Validate(); err != nil {
				t.Error(err)
			}
			collectortest.Describe(t, s, ev)
		}
	})
}
