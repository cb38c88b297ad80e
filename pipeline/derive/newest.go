package derive

import (
	"slices"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// newest keeps, of every key, the row with the highest version, and drops keys
// whose highest version is deleted (invariant 3). The order of the result
// depends on that of the input: callers sort.
func newest[T any, P interface {
	*T
	schema.Fact
}](rows []T, key func(*T) string) []T {
	at := make(map[string]int, len(rows))
	out := make([]T, 0, len(rows))
	for i := range rows {
		k := key(&rows[i])
		j, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, rows[i])
			continue
		}
		if version(P(&rows[i])) > version(P(&out[j])) {
			out[j] = rows[i]
		}
	}
	kept := out[:0]
	for i := range out {
		if schema.MetaOf(P(&out[i])).Deleted == 0 {
			kept = append(kept, out[i])
		}
	}
	return kept
}

func version(f schema.Fact) uint64 { return schema.MetaOf(f).Version }

// sortedBy gives the rows in the order of their keys. Rows are large: it moves
// each once.
func sortedBy[T any](rows []T, key func(*T) string) []T {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(key(&rows[a]), key(&rows[b])) })
	out := make([]T, len(rows))
	for i, at := range order {
		out[i] = rows[at]
	}
	return out
}
