package derive

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/headway-metrics/headway/schema"
)

// manyBuckets is a power of two: of a large repository some sixty commits are listed
// for one that is new.
const manyBuckets = 4096

func bucket(sha string) uint64 { return xxhash.Sum64String(sha) % manyBuckets }

// buckets are the fingerprints of commits by bucket, as selectBuckets makes them.
// A hash times an odd number, so that equal changes of two versions do not cancel.
func buckets(commits []schema.Commit) []fingerprint {
	out := make([]fingerprint, manyBuckets)
	for i := range commits {
		h := xxhash.Sum64String(commits[i].SHA)
		f := &out[h%manyBuckets]
		f.rows++
		f.hash += h * (2*commits[i].Version + 1)
	}
	return out
}

// differing says in which buckets of a repository the store has other commits, or
// other versions of them, than those that are known.
func (c *repoCache) differing(ctx context.Context, repo string, known []schema.Commit) (differ []bool, names []string, err error) {
	var rows []struct {
		Bucket uint64 `ch:"bucket"`
		Rows   uint64 `ch:"rows"`
		Hash   uint64 `ch:"print"`
	}
	if err := c.store.Select(ctx, &rows, selectBuckets, map[string]any{"repos": []string{repo}}); err != nil {
		return nil, nil, err
	}
	now := make([]fingerprint, manyBuckets)
	for _, r := range rows {
		if r.Bucket >= manyBuckets {
			return nil, nil, fmt.Errorf("comparing commits: there is no bucket %d", r.Bucket)
		}
		now[r.Bucket] = fingerprint{r.Rows, r.Hash}
	}
	differ = make([]bool, manyBuckets)
	for i, f := range buckets(known) {
		if differ[i] = f != now[i]; differ[i] {
			names = append(names, strconv.Itoa(i))
		}
	}
	slices.Sort(names)
	return differ, names, nil
}
