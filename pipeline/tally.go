package pipeline

// Tally counts what became of events.
type Tally struct {
	Events  uint64 `json:"events"`
	Facts   uint64 `json:"facts"`
	Ignored uint64 `json:"ignored"`
	Dead    uint64 `json:"dead"`
	// Tables counts the facts made, by table, before equal ones collapse.
	Tables map[string]uint64 `json:"tables,omitempty"`
	// Reasons counts the dead.
	Reasons map[Reason]uint64 `json:"reasons,omitempty"`
}

func (t *Tally) add(results []*result) {
	if t.Tables == nil {
		t.Tables, t.Reasons = map[string]uint64{}, map[Reason]uint64{}
	}
	for _, r := range results {
		t.Events++
		switch {
		case r.dead():
			t.Dead++
			t.Reasons[r.reason]++
		case r.ignored != "":
			t.Ignored++
		}
		for i := range r.facts {
			if !r.facts[i].refused {
				t.Facts++
				t.Tables[r.facts[i].key.table]++
			}
		}
	}
}
