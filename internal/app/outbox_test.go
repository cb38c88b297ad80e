package app

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
	"github.com/headway-metrics/headway/pipeline/announce"
	"github.com/headway-metrics/headway/pipeline/derive"
	"github.com/headway-metrics/headway/schema"
)

// TestCloudEventsOnATopic: what is announced is on the topic that is named, as
// CloudEvents in the binary mode whose attributes say what the CDEvents say.
func TestCloudEventsOnATopic(t *testing.T) {
	t.Parallel()
	const topic = "acme.cdevents"
	broker := kafkatest.New(t)
	client := broker.Client(t)
	broker.Topics(t, client, 1, topic)
	publisher := client.NewPublisher()
	t.Cleanup(func() {
		if err := publisher.Close(); err != nil {
			t.Error(err)
		}
	})
	a, err := announce.New(cloudEvents{publisher, topic}, defaultEventSource)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	if err := a.Announce(t.Context(), derive.Differences{Output: derive.Output{Releases: []schema.Release{{
		DerivedMeta: schema.DerivedMeta{ServiceID: "shop", Version: uint64(at.UnixMilli())}, ReleaseID: "r1", Environments: []string{"production"},
		DeployedVersion: "v1", StartedAt: at, FinishedAt: at, Succeeded: 1,
	}}}}); err != nil {
		t.Fatal(err)
	}
	var types []string
	if err := client.ReadRange(t.Context(), topic, time.Time{}, func(m kafka.Message) error {
		var e struct {
			Context struct{ ID, Source, Type string }
		}
		if err := json.Unmarshal(m.Value, &e); err != nil {
			return err
		}
		header := func(key string) string { v, _ := m.Header(key); return v }
		if header("ce_id") != e.Context.ID || header("ce_source") != e.Context.Source || header("ce_type") != e.Context.Type ||
			e.Context.Source != "/headway" || string(m.Key) != "shop" || header("content-type") != "application/json" {
			t.Errorf("key %s, headers %v, value %s", m.Key, m.Headers, m.Value)
		}
		types = append(types, e.Context.Type)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(types) != 8 || !slices.Contains(types, "dev.cdevents.service.upgraded.0.3.0") {
		t.Errorf("types %v", types)
	}
}
