package incidentio

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/listing"
)

// Test implements collectors.Tester: the key with its roles, and the list of incidents.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "API", Detail: "nothing is asked: no token is set"}}
	}
	var me struct {
		Identity struct {
			Roles []string `json:"roles"`
		} `json:"identity"`
	}
	raw, err := s.client.Get(ctx, "/v1/identity", nil)
	if err == nil {
		err = json.Unmarshal(raw, &me)
	}
	if err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf(
			"%v; make an API key under Settings → API keys and set sources.incidentio.token_file", err)}}
	}
	out := []collectors.Check{{What: "credentials", Detail: "accepted; the key's roles are " + strings.Join(me.Identity.Roles, ", ")}}
	list := collectors.Check{What: "permission viewer", Detail: "granted; of private incidents only those that the key may see are read"}
	c := listing.Place{Since: s.now().UTC().Add(-s.cfg.History)}
	if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error { return s.page(ctx, &c, emit) }); err != nil {
		list = collectors.Check{What: list.What, Problem: fmt.Sprintf("%v; give the key the role viewer (View data)", err)}
	}
	return append(out, list)
}
