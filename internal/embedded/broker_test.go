package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func kafkaClient(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(addr), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MaxVersions(kversion.V3_0_0()))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, cl *kgo.Client, topic string, partitions int32) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(res.Topics[0].ErrorCode); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatal(err)
	}
}

func commitOffset(ctx context.Context, cl *kgo.Client, group, topic string, offset int64) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Offset = offset
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic, rt.Partitions = topic, []kmsg.OffsetCommitRequestTopicPartition{rp}
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
}

func committedOffset(t *testing.T, cl *kgo.Client, group, topic string) int64 {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = group
	rt := kmsg.NewOffsetFetchRequestGroupTopic()
	rt.Topic, rt.Partitions = topic, []int32{0}
	rg.Topics = append(rg.Topics, rt)
	req.Groups = append(req.Groups, rg)
	req.Group = group
	ot := kmsg.NewOffsetFetchRequestTopic()
	ot.Topic, ot.Partitions = topic, []int32{0}
	req.Topics = append(req.Topics, ot)
	res, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Groups) > 0 {
		if err := kerr.ErrorForCode(res.Groups[0].ErrorCode); err != nil {
			t.Fatal(err)
		}
		return res.Groups[0].Topics[0].Partitions[0].Offset
	}
	return res.Topics[0].Partitions[0].Offset
}

// produceOne returns when the broker has acknowledged.
func produceOne(ctx context.Context, cl *kgo.Client, topic, value string) error {
	return cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: 0, Value: []byte(value)}).FirstErr()
}

// readValues reads the topic t until all the wanted values have come.
func readValues(t *testing.T, addr string, want map[string]bool) {
	t.Helper()
	cl := kafkaClient(t, addr, kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	missing := make(map[string]bool, len(want))
	for v := range want {
		missing[v] = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for len(missing) > 0 {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d acknowledged messages are lost", len(missing), len(want))
		}
		f.EachRecord(func(r *kgo.Record) { delete(missing, string(r.Value)) })
	}
}

// TestBrokerKilled: whatever the broker acknowledged, messages and offsets,
// outlives kill -9 at any moment.
func TestBrokerKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	var offset int64
	for round := range 6 {
		p, words := spawn(t, "broker", dir)
		addr := words[0]
		cl := kafkaClient(t, addr)
		createTopic(t, cl, "t", 1)
		if round > 0 {
			readValues(t, addr, acknowledged)
			if got := committedOffset(t, cl, "g", "t"); got < offset {
				t.Fatalf("round %d: the group's offset fell from %d to %d", round, offset, got)
			}
		}
		// Writers run into the kill: what it cuts off was not acknowledged.
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		done := make(chan int)
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				v := fmt.Sprintf("%d-%d", round, i)
				if produceOne(ctx, cl, "t", v) != nil {
					return
				}
				acknowledged[v] = true
				next := int64(len(acknowledged))
				if commitOffset(ctx, cl, "g", "t", next) != nil {
					return
				}
				offset = next
				select {
				case done <- i:
				default:
				}
			}
		}()
		for i := 0; i <= 20+round*13; {
			select {
			case i = <-done:
			case <-stopped:
				t.Fatal("the writer stopped before the broker was killed")
			}
		}
		p.kill()
		cancel()
		cl.Close()
		<-stopped
	}
	_, words := spawn(t, "broker", dir)
	readValues(t, words[0], acknowledged)
	t.Logf("%d acknowledged messages outlived 6 kills", len(acknowledged))
}

// TestBrokerTorn: a write that power loss or a full disk cut off is dropped, and
// what comes after it is kept over the next crash too.
func TestBrokerTorn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 3 {
		p, words := spawn(t, "broker", dir)
		cl := kafkaClient(t, words[0])
		createTopic(t, cl, "t", 1)
		readValues(t, words[0], acknowledged)
		if round > 0 {
			if got := committedOffset(t, cl, "g", "t"); got != int64(round) {
				t.Fatalf("round %d: committed offset %d, want %d", round, got, round)
			}
		}
		v := strconv.Itoa(round)
		if err := produceOne(t.Context(), cl, "t", v); err != nil {
			t.Fatal(err)
		}
		acknowledged[v] = true
		if err := commitOffset(t.Context(), cl, "g", "t", int64(round+1)); err != nil {
			t.Fatal(err)
		}
		cl.Close()
		p.kill()
		segments, err := filepath.Glob(filepath.Join(dir, "data", "partitions", "*", "*.dat"))
		if err != nil || len(segments) == 0 {
			t.Fatalf("no segment found in the broker's directory (%v)", err)
		}
		for _, path := range append(segments, filepath.Join(dir, "data", "groups.log")) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			// The first half of the first entry, written once more.
			if err := os.WriteFile(path, append(b, b[:len(b)/2/(round+1)]...), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, words := spawn(t, "broker", dir)
	readValues(t, words[0], acknowledged)
}

func TestBrokerCleanRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	values := map[string]bool{}
	port := 0
	for round := range 3 {
		b, err := StartBroker(t.Context(), BrokerOptions{Dir: dir, Port: port, Logger: testLogger(t)})
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if _, err := fmt.Sscanf(b.Addr(), "127.0.0.1:%d", &port); err != nil {
				t.Fatal(err)
			}
		}
		_, err = StartBroker(t.Context(), BrokerOptions{Dir: dir, Logger: testLogger(t)})
		var held *HeldError
		if !errors.As(err, &held) || held.PID != os.Getpid() {
			t.Errorf("a second broker on one directory: %v", err)
		}
		cl := kafkaClient(t, b.Addr())
		createTopic(t, cl, "t", 1)
		v := strconv.Itoa(round)
		if err := produceOne(t.Context(), cl, "t", v); err != nil {
			t.Fatal(err)
		}
		values[v] = true
		if err := commitOffset(t.Context(), cl, "g", "t", int64(round)); err != nil {
			t.Fatal(err)
		}
		readValues(t, b.Addr(), values)
		if got := committedOffset(t, cl, "g", "t"); got != int64(round) {
			t.Errorf("committed offset %d, want %d", got, round)
		}
		cl.Close()
		if err := errors.Join(b.Stop(), b.Stop()); err != nil {
			t.Error(err)
		}
	}
}

func TestValidPrefix(t *testing.T) {
	t.Parallel()
	entry := func(data string) []byte {
		rest := append([]byte{1, 0}, data...)
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(rest)))
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(rest, crc32.MakeTable(crc32.Castagnoli)))
		return append(b, rest...)
	}
	one, two := entry("one"), entry("a second entry")
	both := append(append([]byte{}, one...), two...)
	for cut := range len(both) + 1 {
		want := 0
		if cut >= len(one) {
			want = len(one)
		}
		if cut == len(both) {
			want = len(both)
		}
		if got := validPrefix(both[:cut]); got != want {
			t.Errorf("cut at %d: %d bytes are valid, want %d", cut, got, want)
		}
	}
	flipped := append([]byte{}, both...)
	flipped[len(one)+10] ^= 1
	if got := validPrefix(flipped); got != len(one) {
		t.Errorf("a flipped bit in the second entry: %d bytes are valid, want %d", got, len(one))
	}
}

func FuzzValidPrefix(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := validPrefix(b)
		if n < 0 || n > len(b) || validPrefix(b[:n]) != n {
			t.Fatalf("%d of %d bytes are called valid", n, len(b))
		}
	})
}
