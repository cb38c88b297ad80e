package schema

import "time"

// Cost is what something cost on one day.
type Cost struct {
	Meta
	CostID string `ch:"cost_id"`
	// Day of the cost, at 00:00 UTC.
	Day time.Time `ch:"day"`
	// Amount in Currency (ISO 4217, upper case). Amounts of different currencies are
	// never added.
	Amount   float64 `ch:"amount"`
	Currency string  `ch:"currency"`
	// Category is what was paid for: compute, storage, network, licence, ….
	Category string `ch:"category"`
	Cluster  string `ch:"cluster"`
	// Workload is "namespace/name" of what ran, or "".
	Workload   string `ch:"workload"`
	ServiceRef string `ch:"service_ref"`
	TeamRef    string `ch:"team_ref"`
}

func (*Cost) Table() string           { return "costs" }
func (c *Cost) FactID() string        { return c.CostID + "@" + c.Day.Format(time.DateOnly) }
func (c *Cost) DirtyKeys() []DirtyKey { return []DirtyKey{dirtyDay(c.Table(), c.Day)} }
