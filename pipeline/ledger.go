package pipeline

import (
	"context"

	"github.com/headway-metrics/headway/schema"
)

// Ranks of the ledger's rows: of two outcomes of one event, the one that
// understood it wins whatever the order in which they are written, so that a
// redelivery to an older process cannot take a success back. Among outcomes of
// one rank the later replay wins.
const (
	rankDead       = 0
	rankUnderstood = 1
)

// storeLedger stores a receipt for every event and a dead letter for every dead
// one. There is no clock in them, so an event that is delivered again has the
// same rows. A refusal here is never held against an event: a store that takes
// no receipts is broken, and the batch waits until it is mended.
func (l *Loader) storeLedger(ctx context.Context, results []*result) error {
	best := map[factKey]*sealedFact{}
	var order []factKey
	add := func(f schema.Fact) error {
		if err := schema.Seal(f, l.opts.Replay); err != nil {
			return err
		}
		s := &sealedFact{fact: f, key: factKey{f.Table(), f.FactID()}, version: schema.MetaOf(f).Version}
		b, ok := best[s.key]
		if !ok {
			order = append(order, s.key)
		}
		if !ok || s.version >= b.version {
			best[s.key] = s
		}
		return nil
	}
	for _, r := range results {
		if err := add(receipt(r)); err != nil {
			return err
		}
		if r.dead() {
			if err := add(l.deadLetter(r)); err != nil {
				return err
			}
		}
	}
	rows := make([]*sealedFact, len(order))
	for i, k := range order {
		rows[i] = best[k]
	}
	return l.insert(ctx, rows)
}

func receipt(r *result) *schema.Receipt {
	out := &schema.Receipt{
		EventID:    r.event.ID,
		Type:       r.event.Type,
		Outcome:    schema.OutcomeFacts,
		Facts:      uint32(len(r.facts)), //nolint:gosec // an event has few facts.
		ReceivedAt: r.event.Time,
	}
	rank := uint8(rankUnderstood)
	switch {
	case r.dead():
		rank = rankDead
		out.Outcome, out.Reason, out.Facts = schema.OutcomeDead, string(r.reason), r.storedFacts()
	case r.ignored != "":
		out.Outcome, out.Reason = schema.OutcomeIgnored, r.ignored
	}
	out.Source, out.Version = r.event.Source, schema.NewVersion(r.event.Time, rank)
	return out
}

// storedFacts of a dead event are those beside a refused one.
func (r *result) storedFacts() uint32 {
	var n uint32
	for i := range r.facts {
		if !r.facts[i].refused {
			n++
		}
	}
	return n
}

func (l *Loader) deadLetter(r *result) *schema.DeadLetter {
	d := &schema.DeadLetter{
		EventID:    r.event.ID,
		Type:       r.event.Type,
		Subject:    r.event.Subject,
		Key:        r.event.Key,
		Reason:     string(r.reason),
		Detail:     r.detail,
		ReceivedAt: r.event.Time,
		// Live events are handled as they come; a clock would make a redelivered
		// event another row.
		FailedAt:    r.event.Time,
		Payload:     string(r.event.Data),
		ContentType: r.event.ContentType,
	}
	if l.opts.Replay > 0 {
		d.FailedAt = l.opts.ReplayedAt
	}
	d.Source, d.Version = r.event.Source, schema.NewVersion(r.event.Time, rankDead)
	return d
}
