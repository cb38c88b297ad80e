package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/internal/clickhouse"
	"github.com/headway-metrics/headway/internal/clickhouse/clickhousetest"
	"github.com/headway-metrics/headway/internal/embedded"
	"github.com/headway-metrics/headway/internal/kafka"
	"github.com/headway-metrics/headway/internal/kafka/kafkatest"
	"github.com/headway-metrics/headway/pipeline"
	"github.com/headway-metrics/headway/schema"
	"github.com/headway-metrics/headway/schema/migrations"
)

// kafkaOutbox is an outbox on a real broker.
type kafkaOutbox struct{ *kafka.Publisher }

func (o kafkaOutbox) PublishDirty(ctx context.Context, keys ...schema.DirtyKey) error {
	messages := make([]kafka.Message, len(keys))
	for i, k := range keys {
		messages[i] = kafka.Message{Key: []byte(k), Value: []byte(k)}
	}
	return o.PublishMessages(ctx, schema.TopicDirty, messages...)
}

func (o kafkaOutbox) PublishDead(ctx context.Context, letters ...pipeline.DeadEvent) error {
	messages := make([]kafka.Message, len(letters))
	for i, l := range letters {
		m, err := kafka.MessageFromEvent(l.Event)
		if err != nil {
			return err
		}
		m.Headers = append(m.Headers, kafka.Header{Key: "reason", Value: []byte(l.Reason)})
		messages[i] = m
	}
	return o.PublishMessages(ctx, schema.TopicDeadLetter, messages...)
}

func decode(m kafka.Message) schema.Event {
	ev, err := kafka.EventFromMessage(m)
	if err != nil {
		return pipeline.Undecodable(pipeline.RawMessage{
			Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Time: m.Time, Key: m.Key, Value: m.Value,
		}, err)
	}
	return ev
}

// kafkaHistory reads a real topic again.
type kafkaHistory struct{ *kafka.Client }

func (h kafkaHistory) ReadRange(ctx context.Context, topic string, since time.Time, fn func(pipeline.Record) error) error {
	return h.Client.ReadRange(ctx, topic, since, func(m kafka.Message) error {
		return fn(pipeline.Record{Event: decode(m), Partition: m.Partition, Offset: m.Offset, Published: m.Time})
	})
}

// engines is a broker with the topics of two sources, and what writes to it.
type engines struct {
	client    *kafka.Client
	publisher *kafka.Publisher
	sink      pipeline.Sink
	// failed counts the flushes that were not taken.
	failed atomic.Int64
}

var rawTopics = []string{schema.RawTopic("alpha"), schema.RawTopic("beta")}

func newEngines(t *testing.T, sink pipeline.Sink) *engines {
	t.Helper()
	broker := kafkatest.New(t)
	e := &engines{client: broker.Client(t), sink: sink}
	broker.Topics(t, e.client, 3, append([]string{schema.TopicDirty, schema.TopicDeadLetter}, rawTopics...)...)
	e.publisher = e.client.NewPublisher()
	t.Cleanup(func() {
		if err := e.publisher.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// consume runs a pipeline until stop is called, which waits for its end.
func (e *engines) consume(t *testing.T, n pipeline.Normalizer) (stop func()) {
	t.Helper()
	loader, err := pipeline.NewLoader(pipeline.Options{
		Normalizers: map[string]pipeline.Normalizer{"alpha": n, "beta": n},
		Sink:        e.sink, Outbox: kafkaOutbox{e.publisher}, Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	cfg := kafka.ConsumerConfig{Group: "load", Topics: rawTopics, MaxBatch: 50, FlushEvery: 20 * time.Millisecond}
	go func() {
		ended <- e.client.Consume(ctx, cfg, func(ctx context.Context, batch []kafka.Message) error {
			events := make([]schema.Event, len(batch))
			for i, m := range batch {
				events[i] = decode(m)
			}
			err := loader.Handle(ctx, events)
			if err != nil {
				e.failed.Add(1)
			}
			return err
		})
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("consuming: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// drained waits until every offset is committed.
func (e *engines) drained(t *testing.T) {
	t.Helper()
	eventually(t, "all offsets are committed", func() (bool, string) {
		lags, err := e.client.Lag(t.Context(), "load", rawTopics...)
		if err != nil {
			return false, err.Error()
		}
		left := int64(0)
		for _, l := range lags {
			left += l.Messages
		}
		return left == 0, fmt.Sprintf("%d messages left", left)
	})
}

// eventually asks again until the answer is yes.
func eventually(t *testing.T, what string, ask func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, state := ask()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting until %s: %s", what, state)
		}
	}
}

// mixture makes events of every kind over few keys.
func mixture(n int) []schema.Event {
	var out []schema.Event
	for i := range n {
		id := fmt.Sprintf("e%04d", i)
		s := script{Facts: []scriptFact{
			{ID: fmt.Sprintf("d%d", i%17), Second: i, Note: id},
			{ID: id, Incident: fmt.Sprintf("i%d", i%5), Second: i},
		}}
		switch {
		case i%23 == 0:
			s = script{Fail: "cannot read"}
		case i%31 == 0:
			s = script{Panic: "boom"}
		case i%7 == 0:
			s = script{Ignore: "star"}
		}
		ev := sourceEvent([]string{"alpha", "beta"}[i%2], id, s)
		ev.Key = id
		out = append(out, ev)
	}
	return out
}

var loadedTables = []string{"deployments", "incident_updates", "receipts", "dead_letters"}

// undisturbed is what one flush of the events leaves in a database of its own.
func undisturbed(t *testing.T, events []schema.Event) map[string][]string {
	t.Helper()
	db := clickhousetest.New(t)
	r := newRig(t, func(o *pipeline.Options) { o.Sink = db.Conn })
	if err := r.Handle(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	return dumps(t, db)
}

func dumps(t *testing.T, db *clickhousetest.Database) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, table := range loadedTables {
		out[table] = dump(t, db, table)
	}
	return out
}

func TestDuplicatesThroughKafkaLeaveTheSameTables(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	e := newEngines(t, db.Conn)
	events := mixture(500)
	twice := slices.Concat(events, events)
	rand.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
	if err := e.publisher.Publish(t.Context(), twice...); err != nil {
		t.Fatal(err)
	}
	noEvent := kafka.Message{Key: []byte("k"), Value: []byte("no headers")}
	if err := e.publisher.PublishMessages(t.Context(), rawTopics[0], noEvent); err != nil {
		t.Fatal(err)
	}
	stop := e.consume(t, scripted{})
	e.drained(t)
	stop()

	if got := query(t, db, "SELECT payload FROM dead_letters FINAL WHERE reason = 'undecodable'"); got != "[[no headers]]" {
		t.Errorf("undecodable dead letters: %s", got)
	}
	if err := db.Exec(t.Context(), "DELETE FROM dead_letters WHERE reason = 'undecodable'", nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Exec(t.Context(), "DELETE FROM receipts WHERE reason = 'undecodable'", nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(undisturbed(t, events), dumps(t, db)); d != "" {
		t.Errorf("tables differ from an undisturbed run (-want +got):\n%s", d)
	}

	dirty, err := e.client.ReadAll(t.Context(), schema.TopicDirty)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ref/shop", "incident/i0", "incident/i4"} {
		if _, ok := dirty[want]; !ok {
			t.Errorf("dirty key %s was not published", want)
		}
	}
	reasons := map[string]map[string]bool{}
	err = e.client.ReadRange(t.Context(), schema.TopicDeadLetter, time.Time{}, func(m kafka.Message) error {
		reason, _ := m.Header("reason")
		if reasons[reason] == nil {
			reasons[reason] = map[string]bool{}
		}
		reasons[reason][decode(m).ID] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(len(reasons["unparsable"]), len(reasons["parser_panic"]), len(reasons["undecodable"])); got != "22 16 1" {
		t.Errorf("on the dead-letter topic: %s, want 22 unparsable, 16 panics, 1 undecodable", got)
	}
}

// Pipelines that die at any moment lose nothing and double nothing.
func TestDyingConsumersLoseNothing(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	events := mixture(600)
	dying := &dyingSink{Sink: db.Conn, every: 3}
	e := newEngines(t, dying)
	if err := e.publisher.Publish(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		died := dying.next()
		stop := e.consume(t, scripted{})
		select {
		case <-died:
		case <-time.After(3 * time.Minute):
			t.Fatal("no insert died")
		}
		stop()
	}
	dying.heal()
	stop := e.consume(t, scripted{})
	e.drained(t)
	stop()
	if d := cmp.Diff(undisturbed(t, events), dumps(t, db)); d != "" {
		t.Errorf("tables differ from an undisturbed run (-want +got):\n%s", d)
	}
}

// dyingSink stores and then gives no answer at every n-th insert, and tells the
// test, which ends the process's consumer in that moment.
type dyingSink struct {
	pipeline.Sink
	every int

	mu     sync.Mutex
	calls  int
	died   chan struct{}
	healed bool
}

var errDied = errors.New("injected: the process died")

func (s *dyingSink) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.died = make(chan struct{})
	return s.died
}

func (s *dyingSink) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healed = true
}

func (s *dyingSink) Insert(ctx context.Context, facts []schema.Fact) error {
	if err := s.Sink.Insert(ctx, facts); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.healed || s.calls%s.every != 0 {
		return nil
	}
	if s.died != nil {
		close(s.died)
		s.died = nil
	}
	return errDied
}

// outage is a warehouse of one test's own, that it may stop and start.
type outage struct {
	opts      embedded.WarehouseOptions
	warehouse *embedded.Warehouse
}

func (o *outage) start(t *testing.T) {
	t.Helper()
	var err error
	if o.warehouse, err = embedded.StartWarehouse(t.Context(), o.opts); err != nil {
		t.Fatal(err)
	}
	_, port := hostPort(t, o.warehouse.NativeAddr())
	o.opts.NativePort = port
}

func (o *outage) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := o.warehouse.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLostWhileClickHouseIsAway(t *testing.T) {
	t.Parallel()
	library, err := embedded.InstallEngine(t.Context(), embedded.EngineOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o := &outage{opts: embedded.WarehouseOptions{Dir: filepath.Join(t.TempDir(), "warehouse"), Library: library, Logger: quiet()}}
	o.start(t)
	t.Cleanup(func() { o.stop(t) })
	config := func(c embedded.Credentials) clickhouse.Config {
		return clickhouse.Config{Addresses: []string{o.warehouse.NativeAddr()}, Database: "headway", Username: c.Username, Password: c.Password}
	}
	open := func(c embedded.Credentials) *clickhouse.Conn {
		conn, err := clickhouse.Open(t.Context(), config(c))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		})
		return conn
	}
	db := &clickhousetest.Database{Conn: open(o.warehouse.Writer())}
	if err := clickhouse.Migrate(t.Context(), db.Conn, migrations.FS, clickhouse.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	db.Reader = open(o.warehouse.Reader())
	e := newEngines(t, db.Conn)
	events := mixture(400)
	e.consume(t, scripted{})
	if err := e.publisher.Publish(t.Context(), events[:100]...); err != nil {
		t.Fatal(err)
	}
	e.drained(t)

	o.stop(t)
	if err := e.publisher.Publish(t.Context(), events[100:]...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "two flushes have failed", func() (bool, string) { return e.failed.Load() >= 2, fmt.Sprintf("%d failed", e.failed.Load()) })
	o.start(t)
	e.drained(t)
	if d := cmp.Diff(undisturbed(t, events), dumps(t, db)); d != "" {
		t.Errorf("tables differ from an undisturbed run (-want +got):\n%s", d)
	}
}

// The whole way round: a parser with a bug, its correction, a replay while live
// events go on, and no fact twice.
func TestReplayFromKafkaCorrectsHistory(t *testing.T) {
	t.Parallel()
	db := clickhousetest.New(t)
	e := newEngines(t, db.Conn)
	events := mixture(300)
	if err := e.publisher.Publish(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	stop := e.consume(t, failing{scripted{suffix: " wrong"}, "e0002"})
	e.drained(t)
	stop()

	fixed := scripted{suffix: " right"}
	e.consume(t, fixed)
	var more []schema.Event
	for i := range 50 {
		ev := sourceEvent("alpha", fmt.Sprintf("m%02d", i), script{Facts: []scriptFact{{ID: fmt.Sprintf("d%d", i%17), Second: 1000 + i, Note: "later"}}})
		more = append(more, ev)
	}
	published := make(chan error)
	go func() { published <- e.publisher.Publish(t.Context(), more...) }()
	rp, err := pipeline.NewReplayer(pipeline.ReplayerOptions{
		Loader: pipeline.Options{
			Normalizers: map[string]pipeline.Normalizer{"alpha": fixed, "beta": fixed},
			Sink:        db.Conn, Outbox: kafkaOutbox{e.publisher}, Logger: quiet(),
		},
		History: kafkaHistory{e.client}, Querier: db.Reader, Letters: pipeline.NewDeadletters(db.Reader, e.publisher, db.Conn), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	rp.SetSizes(40, 100)
	for _, source := range []string{"alpha", "beta"} {
		if _, err := rp.Run(t.Context(), pipeline.ReplayRequest{Source: source}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	e.drained(t)

	if got := query(t, db, "SELECT countIf(branch LIKE '%wrong'), countIf(branch = 'later right'), count() FROM deployments FINAL"); got != "[[0 17 17]]" {
		t.Errorf("wrong, later and all deployments: %s, want 0, 17, 17", got)
	}
	if got := query(t, db, "SELECT countIf(title LIKE '%wrong'), count() FROM incident_updates FINAL"); got != "[[0 237]]" {
		t.Errorf("wrong and all incident updates: %s, want 0 and 237", got)
	}
	if got := query(t, db, "SELECT outcome, count() FROM receipts FINAL GROUP BY 1 ORDER BY 1"); got != "[[dead 23] [facts 287] [ignored 40]]" {
		t.Errorf("receipts: %s", got)
	}
	if got := query(t, db, "SELECT countIf(retried = 0), groupArrayIf(event_id, retried = 1) FROM dead_letters FINAL"); got != "[[23 [e0002]]]" {
		t.Errorf("dead letters: %s", got)
	}
}

func hostPort(t *testing.T, address string) (host string, port int) {
	t.Helper()
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err = strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
