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
	if settled[T, P](rows, key) {
		return rows
	}
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

// settled says that the rows are what newest would make of them and in the order
// of their keys, as a store gives them.
func settled[T any, P interface {
	*T
	schema.Fact
}](rows []T, key func(*T) string) bool {
	last := ""
	for i := range rows {
		k := key(&rows[i])
		if schema.MetaOf(P(&rows[i])).Deleted != 0 || (i > 0 && k <= last) {
			return false
		}
		last = k
	}
	return true
}

func version(f schema.Fact) uint64 { return schema.MetaOf(f).Version }

// sortedBy gives the rows in the order of their keys. Rows are large: it moves
// each once.
func sortedBy[T any](rows []T, key func(*T) string) []T {
	sorted := true
	for i := 1; i < len(rows) && sorted; i++ {
		sorted = key(&rows[i-1]) <= key(&rows[i])
	}
	if sorted {
		return rows
	}
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
