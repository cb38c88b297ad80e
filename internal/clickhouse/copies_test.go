package clickhouse

import "testing"

func TestACopyHasAPlaceOfItsOwnInKeeper(t *testing.T) {
	t.Parallel()
	const rest = ", '{replica}', version, is_deleted) ORDER BY (a, b) SETTINGS index_granularity = 8192"
	for engine, want := range map[string]string{
		"ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/headway/releases'" + rest: "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}'" + rest,
		"ReplacingMergeTree(version, is_deleted) ORDER BY (a, b)":                           "ReplacingMergeTree(version, is_deleted) ORDER BY (a, b)",
	} {
		if got := ownPath(engine); got != want {
			t.Errorf("%s\n got %s\nwant %s", engine, got, want)
		}
	}
}
