package pipeline

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// storeFacts inserts the newest fact of every key. When the store refuses a
// fact for good, the events that hold it die, the runner-up of its key takes its
// place, and the rest is stored. A refused fact that a newer one of its batch
// hides is never met: the tables of facts are the same either way, and its event
// counts as understood.
func (l *Loader) storeFacts(ctx context.Context, results []*result) error {
	stored := map[factKey]bool{}
	for {
		var todo []*sealedFact
		for _, f := range newest(results) {
			if !stored[f.key] {
				todo = append(todo, f)
			}
		}
		if len(todo) == 0 {
			return nil
		}
		refused, err := l.insertBisecting(ctx, todo)
		if err != nil {
			return err
		}
		for _, f := range todo {
			if _, bad := refused[f.key]; !bad {
				stored[f.key] = true
			}
		}
		if len(refused) == 0 {
			return nil
		}
		refuse(results, refused)
	}
}

// refusal is a fact that the store refuses and why.
type refusal struct {
	version uint64
	detail  string
}

// refuse marks every fact equal to a refused one and kills its event.
func refuse(results []*result, refused map[factKey]refusal) {
	for _, r := range results {
		for i := range r.facts {
			f := &r.facts[i]
			if bad, ok := refused[f.key]; ok && bad.version == f.version {
				f.refused = true
				r.kill(ReasonRejected, f.key.table+" "+f.key.id+": "+bad.detail)
			}
		}
	}
}

// newest is the fact with the highest version of every key that is not
// refused, ordered by table so that halves of it touch few tables. Of equal
// versions the last one counts, as in the store.
func newest(results []*result) []*sealedFact {
	best := make(map[factKey]*sealedFact, len(results))
	for _, r := range results {
		for i := range r.facts {
			f := &r.facts[i]
			if f.refused {
				continue
			}
			if b, ok := best[f.key]; !ok || f.version >= b.version {
				best[f.key] = f
			}
		}
	}
	out := make([]*sealedFact, 0, len(best))
	for _, f := range best {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *sealedFact) int {
		if c := strings.Compare(a.key.table, b.key.table); c != 0 {
			return c
		}
		return strings.Compare(a.key.id, b.key.id)
	})
	return out
}

// insertBisecting inserts what the store takes and returns what it refuses.
func (l *Loader) insertBisecting(ctx context.Context, facts []*sealedFact) (map[factKey]refusal, error) {
	err := l.insert(ctx, facts)
	if err == nil || !IsPermanent(err) {
		return nil, err
	}
	if len(facts) == 1 {
		return map[factKey]refusal{facts[0].key: {version: facts[0].version, detail: err.Error()}}, nil
	}
	refused := map[factKey]refusal{}
	for _, half := range [][]*sealedFact{facts[:len(facts)/2], facts[len(facts)/2:]} {
		bad, err := l.insertBisecting(ctx, half)
		if err != nil {
			return nil, err
		}
		maps.Copy(refused, bad)
	}
	return refused, nil
}

func (l *Loader) insert(ctx context.Context, facts []*sealedFact) error {
	rows := make([]schema.Fact, len(facts))
	for i, f := range facts {
		rows[i] = f.fact
	}
	started := time.Now()
	err := l.opts.Sink.Insert(ctx, rows)
	l.opts.Metrics.inserted(len(rows), time.Since(started), err)
	return err
}
