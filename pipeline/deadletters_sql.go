package pipeline

import (
	"context"
	"fmt"
	"strings"
)

// understoodSQL picks the keys of dead letters whose receipt says that the event
// was understood. The inner list lets ClickHouse read only these receipts.
const understoodSQL = `(SELECT source, event_id FROM receipts FINAL
	WHERE outcome != 'dead' AND (source, event_id) IN (SELECT source, event_id FROM dead_letters))`

const letterColumns = `source, event_id, type, subject, partition_key, reason, detail, received_at, failed_at,
	length(payload) AS bytes, content_type,
	toUInt8(retried = 1 OR (source, event_id) IN ` + understoodSQL + `) AS understood`

const settleSQL = `SELECT ` + letterColumns + `
FROM dead_letters FINAL
WHERE retried = 0 AND ({source:String} = '' OR source = {source:String})
	AND (source, event_id) > ({after_source:String}, {after_id:String})
	AND (source, event_id) IN ` + understoodSQL + `
ORDER BY source, event_id
LIMIT 1000`

func letter(v *row) Letter {
	return Letter{
		Source: v.text("source"), EventID: v.text("event_id"), Type: v.text("type"), Subject: v.text("subject"),
		Key: v.text("partition_key"), Reason: Reason(v.text("reason")), Detail: v.text("detail"),
		ReceivedAt: v.time("received_at"), FailedAt: v.time("failed_at"),
		Bytes: v.number("bytes"), ContentType: v.text("content_type"), Understood: v.number("understood") == 1,
	}
}

// conditions are the filter as SQL, with its arguments.
func (f LetterFilter) conditions() (string, map[string]any) {
	where, args := []string{"1"}, map[string]any{}
	add := func(condition, name string, value any) {
		where = append(where, condition)
		args[name] = value
	}
	if f.Source != "" {
		add("source = {source:String}", "source", f.Source)
	}
	if len(f.EventIDs) > 0 {
		add("event_id IN {ids:Array(String)}", "ids", f.EventIDs)
	}
	if f.Reason != "" {
		add("reason = {reason:String}", "reason", string(f.Reason))
	}
	if !f.From.IsZero() {
		add("received_at >= fromUnixTimestamp64Milli({from:Int64})", "from", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("received_at < fromUnixTimestamp64Milli({to:Int64})", "to", f.To.UnixMilli())
	}
	if !f.Understood {
		where = append(where, "understood = 0")
	}
	return strings.Join(where, " AND "), args
}

type letterID struct{ source, id string }

// payloads reads the payloads of few letters.
func (d *Deadletters) payloads(ctx context.Context, letters []Letter) (map[letterID][]byte, error) {
	sources, ids := make([]string, len(letters)), make([]string, len(letters))
	for i, l := range letters {
		sources[i], ids[i] = l.Source, l.EventID
	}
	columns, rows, err := d.q.Query(ctx, `SELECT source, event_id, payload
FROM dead_letters FINAL
WHERE (source, event_id) IN (SELECT arrayJoin(arrayZip({sources:Array(String)}, {ids:Array(String)})))`,
		map[string]any{"sources": sources, "ids": ids})
	if err != nil {
		return nil, fmt.Errorf("reading payloads of dead letters: %w", err)
	}
	out := make(map[letterID][]byte, len(rows))
	for i := range rows {
		v := &row{columns: columns, values: rows[i]}
		out[letterID{v.text("source"), v.text("event_id")}] = []byte(v.text("payload"))
		if v.err != nil {
			return nil, fmt.Errorf("reading payloads of dead letters: %w", v.err)
		}
	}
	if len(out) != len(letters) {
		return nil, fmt.Errorf("reading payloads of dead letters: found %d of %d", len(out), len(letters))
	}
	return out, nil
}
