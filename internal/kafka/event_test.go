package kafka_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/schema"
)

func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := schema.Event{
			ID:          rapid.StringN(1, 60, -1).Draw(t, "id"),
			Source:      rapid.StringMatching(`[a-z]{1,12}`).Draw(t, "source"),
			Type:        rapid.StringN(1, 60, -1).Draw(t, "type"),
			Subject:     rapid.String().Draw(t, "subject"),
			Time:        time.Unix(rapid.Int64Range(0, 7e9).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
			Key:         rapid.String().Draw(t, "key"),
			ContentType: rapid.SampledFrom([]string{"", "application/xml", "text/plain; charset=utf-8"}).Draw(t, "content type"),
			Data:        rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
		}
		m, err := kafka.MessageFromEvent(want)
		if err != nil {
			t.Fatal(err)
		}
		if m.Topic != schema.RawTopic(want.Source) || string(m.Key) != want.Key {
			t.Errorf("topic %q, key %q", m.Topic, m.Key)
		}
		got, err := kafka.EventFromMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestEventHeaders fixes the wire form, which other consumers of the topics read.
func TestEventHeaders(t *testing.T) {
	t.Parallel()
	m, err := kafka.MessageFromEvent(schema.Event{
		ID: "1", Source: "github", Type: "github.push", Subject: "a/b", Key: "a/b",
		Time: time.Date(2026, 2, 3, 4, 5, 6, 7e6, time.FixedZone("", 3600)), Data: []byte(`{}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, h := range m.Headers {
		lines = append(lines, h.Key+"="+string(h.Value))
	}
	want := "ce_specversion=1.0 ce_id=1 ce_source=github ce_type=github.push ce_subject=a/b ce_time=2026-02-03T03:05:06.007Z content-type=application/json"
	if got := strings.Join(lines, " "); got != want {
		t.Errorf("headers\n%s\nwant\n%s", got, want)
	}
}

func TestEventErrors(t *testing.T) {
	t.Parallel()
	if _, err := kafka.MessageFromEvent(schema.Event{ID: "1"}); err == nil {
		t.Error("an event without source was encoded")
	}
	whole := map[string]string{"ce_specversion": "1.0", "ce_id": "1", "ce_source": "git", "ce_type": "t", "ce_time": "2026-01-01T00:00:00Z"}
	for name, change := range map[string][2]string{
		"another version": {"ce_specversion", "0.3"}, "no version": {"ce_specversion", ""}, "no id": {"ce_id", ""},
		"no source": {"ce_source", ""}, "no type": {"ce_type", ""}, "no time": {"ce_time", ""}, "a wrong time": {"ce_time", "yesterday"},
	} {
		var m kafka.Message
		for k, v := range whole {
			if k == change[0] {
				v = change[1]
			}
			m.Headers = append(m.Headers, kafka.Header{Key: k, Value: []byte(v)})
		}
		if e, err := kafka.EventFromMessage(m); err == nil {
			t.Errorf("%s: decoded as %+v", name, e)
		}
	}
}

// FuzzEventFromMessage: whatever is decoded is valid and encodes to what
// decodes to the same.
func FuzzEventFromMessage(f *testing.F) {
	f.Add([]byte(`{"ce_specversion":"1.0","ce_id":"1","ce_source":"git","ce_type":"t","ce_time":"2026-01-01T00:00:00Z"}`), []byte("key"), []byte("value"))
	f.Fuzz(func(t *testing.T, headers, key, value []byte) {
		var h map[string]string
		if json.Unmarshal(headers, &h) != nil {
			return
		}
		m := kafka.Message{Key: key, Value: value}
		for k, v := range h {
			m.Headers = append(m.Headers, kafka.Header{Key: k, Value: []byte(v)})
		}
		e, err := kafka.EventFromMessage(m)
		if err != nil {
			return
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("decoded an invalid event: %v", err)
		}
		again, err := kafka.MessageFromEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		e2, err := kafka.EventFromMessage(again)
		if err != nil || !cmp.Equal(e, e2) {
			t.Fatalf("%+v became %+v (%v)", e, e2, err)
		}
	})
}
