package pipeline_test

import (
	"errors"
	"testing"
	"time"

	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
)

// Whatever comes out of Kafka, a flush succeeds and every event has one receipt.
func FuzzHandle(f *testing.F) {
	f.Add("id", "alpha", "t", int64(1), []byte(`{"facts":[{"id":"d","second":1}]}`))
	f.Add("", "", "", int64(0), []byte(nil))
	f.Add("id", "alpha", pipeline.TypeUndecodable, int64(-1), []byte{0xff})
	f.Add("id", "alpha", "t", int64(1)<<62, []byte(`{"facts":[{"id":"d","second":-9000000000}]}`))
	f.Fuzz(func(t *testing.T, id, source, typ string, ms int64, data []byte) {
		r := newRig(t)
		ev := schema.Event{ID: id, Source: source, Type: typ, Time: time.UnixMilli(ms), Data: data}
		if err := r.Handle(t.Context(), []schema.Event{ev, ev}); err != nil {
			t.Fatal(err)
		}
		if n := len(receipts(t, r.store)); n != 1 {
			t.Fatalf("%d receipts for one event", n)
		}
	})
}

// A message that is no event keeps its bytes and has the id of its place.
func FuzzUndecodable(f *testing.F) {
	f.Add("headway.raw.github", 0, int64(7), []byte("x"), int64(1))
	f.Add("", -1, int64(-1), []byte(nil), int64(0))
	f.Fuzz(func(t *testing.T, topic string, partition int, offset int64, value []byte, ms int64) {
		m := pipeline.RawMessage{Topic: topic, Partition: partition, Offset: offset, Value: value, Time: time.UnixMilli(ms)}
		ev := pipeline.Undecodable(m, errors.New("no headers"))
		if err := ev.Validate(); err != nil {
			t.Fatal(err)
		}
		if again := pipeline.Undecodable(m, errors.New("another word")); again.ID != ev.ID {
			t.Fatal("the id depends on more than the place")
		}
		if string(ev.Data) != string(value) {
			t.Fatal("the value is not verbatim")
		}
	})
}
