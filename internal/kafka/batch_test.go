package kafka

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestBatchesLeaveInTime: when, after the first message, batches leave whose
// messages come at the given times.
func TestBatchesLeaveInTime(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	continues := func(m Message) bool { return string(m.Value) == "continued" }
	for name, c := range map[string]struct {
		at   []time.Duration
		kind string
		want []time.Duration
	}{
		"one message waits a quarter":               {[]time.Duration{0}, "", []time.Duration{90 * ms}},
		"what comes at once leaves together":        {[]time.Duration{0, 5 * ms}, "", []time.Duration{90 * ms}},
		"two of one moment leave together":          {[]time.Duration{0, 50 * ms}, "", []time.Duration{170 * ms}},
		"what keeps coming waits no longer":         {[]time.Duration{0, 70 * ms, 140 * ms, 210 * ms, 280 * ms, 350 * ms, 420 * ms}, "", []time.Duration{320 * ms, 670 * ms}},
		"soon after another one, the whole":         {[]time.Duration{0, 150 * ms}, "", []time.Duration{90 * ms, 470 * ms}},
		"long after another one, a quarter":         {[]time.Duration{0, 1000 * ms}, "", []time.Duration{90 * ms, 1090 * ms}},
		"what continues others keeps apart of none": {[]time.Duration{0, 150 * ms}, "continued", []time.Duration{90 * ms, 240 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				in, out := make(chan Message), make(chan *batch)
				cfg := ConsumerConfig{FlushEvery: 320 * ms, Continues: continues}
				cfg.setDefaults()
				go collect(ctx, cfg, in, out)
				began := time.Now()
				go func() {
					for i, at := range c.at {
						time.Sleep(at - time.Since(began)) //nolint:forbidigo // The bubble's clock.
						in <- Message{Topic: "t", Offset: int64(i), Value: []byte(c.kind)}
					}
				}()
				n := 0
				for _, want := range c.want {
					b := <-out
					n += len(b.messages)
					if got := time.Since(began); got != want {
						t.Errorf("a batch of %d left after %s, want %s", len(b.messages), got, want)
					}
				}
				if n != len(c.at) {
					t.Errorf("%d messages left, %d came", n, len(c.at))
				}
			})
		})
	}
}
