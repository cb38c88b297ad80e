package resolve

import (
	"fmt"
	"strings"
)

// table is a table of resolved rows and the view that defines it.
type table struct {
	// name is that of view and table without owned_ and resolved_.
	name string
	// key are the columns of the table's sorting key.
	key string
	// facts is the one table of the facts, or "": without a row there is nothing to do.
	facts string
	// there is what has the keys of all rows that the view has.
	there string
	// dirty are the rows that dirty keys name, as a condition with {ids:Array(String)}.
	dirty string
	// named are the facts with a name of one of the kinds that the view resolves, as
	// a condition with a parameter for each of kinds.
	named string
	kinds []string
}

// fresh are the rows of the view that meet a condition; with differing only those
// which differ from the table's.
func (t table) fresh(where string, differing bool) string {
	rows := fmt.Sprintf("SELECT *, {stamp:UInt64} AS version, 0 AS is_deleted FROM owned_%s WHERE %s", t.name, where)
	if differing {
		rows += fmt.Sprintf(" AND tuple(*) NOT IN (SELECT * EXCEPT (version, is_deleted) FROM resolved_%s FINAL WHERE %s)", t.name, where)
	}
	return rows
}

// gone are tombstones of the table's rows that meet a condition and that the view
// does not have.
func (t table) gone(where string) string {
	return fmt.Sprintf("SELECT * REPLACE ({stamp:UInt64} AS version, 1 AS is_deleted) FROM resolved_%[1]s FINAL WHERE %[3]s AND (%[2]s) NOT IN (SELECT %[2]s FROM %[4]s WHERE %[3]s)",
		t.name, t.key, where, t.there)
}

// Kinds of names, as in the view meanings.
const (
	kindService    = "service"
	kindTeam       = "team"
	kindActor      = "actor"
	kindWorkload   = "workload"
	kindRepo       = "repo"
	kindDefinition = "definition"
)

// named are the facts that have one of some names, by the kind of name.
func named(kind string) string {
	switch kind {
	case kindTeam:
		return "team_ref IN {team:Array(String)} OR substringIndex(replaceAll(lower(team_ref), ':', '/'), '/', -1) IN {team:Array(String)}"
	case kindActor:
		return "actor IN {actor:Array(String)}"
	case kindWorkload:
		return "workload IN {workload:Array(String)}"
	default:
		return "service_ref IN {service:Array(String)}"
	}
}

// Keys of facts that arrive one by one name the fact, those of a day's inventory
// its day.
const inDays = "day IN arrayMap(d -> toDateTime64(d, 3, 'UTC'), {ids:Array(String)})"

func fact(facts, key, dirty string, kinds ...string) table {
	conditions := make([]string, len(kinds))
	for i, k := range kinds {
		conditions[i] = named(k)
	}
	return table{
		name: strings.TrimPrefix(facts, "capability_"), key: key, facts: facts, there: facts + " FINAL", dirty: dirty,
		named: strings.Join(conditions, " OR "), kinds: kinds,
	}
}

// factTables are the tables of one row a fact.
func factTables() []table {
	return []table{
		fact("capability_uses", "capability_id, at, use_id", "use_id IN {ids:Array(String)}", kindService, kindTeam, kindActor),
		fact("requests", "created_at, request_id", "request_id IN {ids:Array(String)}", kindService, kindTeam, kindActor),
		fact("tickets", "type, created_at, ticket_id", "ticket_id IN {ids:Array(String)}", kindService, kindTeam),
		fact("workloads", "day, workload_id", inDays, kindService, kindTeam),
		fact("policy_results", "day, result_id", inDays, kindService, kindTeam, kindWorkload),
		fact("costs", "day, cost_id", inDays, kindService, kindTeam, kindWorkload),
	}
}

// workloadNames are what inventories say which service a workload is of.
func workloadNames() table {
	return table{
		name: "workload_names", key: "workload", facts: "workloads", there: "owned_workload_names",
		dirty: "workload IN (SELECT concat(namespace, '/', name) FROM workloads WHERE " + inDays + ")",
	}
}

// snapshots are the inventories that there are.
func snapshots() table {
	return table{name: "snapshots", key: "day, cluster", facts: "workloads", there: "owned_snapshots", dirty: inDays}
}

// blockOf is the number of a use's block of 28 days, as in the view.
const blockOf = "toString(toUInt32(intDiv(toUnixTimestamp64Milli(at), 2419200000)))"

// useBlocks are the first and last use of each team and capability in blocks of time.
func useBlocks() table {
	return table{
		name: "use_blocks", key: "capability_id, block, team_id", there: "owned_use_blocks",
		dirty: "capability_id IN {capabilities:Array(String)} AND toString(block) IN {blocks:Array(String)}",
	}
}

// teamServices are the times for which teams owned services.
func teamServices() table {
	return table{name: "team_services", key: "service_id, owned_from", there: "owned_team_services", dirty: "service_id IN {ids:Array(String)}"}
}

// mergeSpans are the times of merges by repository and by service.
func mergeSpans() table {
	return table{name: "merge_spans", key: "origin, id", there: "owned_merge_spans"}
}

// appliedTable holds the meanings of names that the tables are in line with.
const appliedTable = "applied_meanings"

// Tables lists the tables that a Resolver writes.
func Tables() []string {
	out := []string{appliedTable}
	for _, t := range append(factTables(), workloadNames(), snapshots(), useBlocks(), teamServices(), mergeSpans()) {
		out = append(out, "resolved_"+t.name)
	}
	return out
}
