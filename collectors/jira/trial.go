package jira

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: the user of the token, the permission to see
// issues, and one issue that the rules type.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "REST API", Detail: "nothing is asked: no token is set"}}
	}
	raw, err := s.client.Get(ctx, s.api()+"/myself", nil)
	if err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf(
			"%v; check url, email and token_file under sources.jira, and that kind is %s", err, s.cfg.Kind)}}
	}
	var me struct {
		TimeZone string `json:"timeZone"`
	}
	if err := json.Unmarshal(raw, &me); err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf("reading the token's user: %v", err)}}
	}
	out := []collectors.Check{{What: "credentials", Detail: "accepted; dates are asked for in " + me.TimeZone}}
	permission := collectors.Check{What: "permission Browse projects", Detail: "granted"}
	raw, err = s.client.Get(ctx, s.api()+"/mypermissions", url.Values{"permissions": {"BROWSE_PROJECTS"}})
	var mine struct {
		Permissions map[string]struct {
			Have bool `json:"havePermission"`
		} `json:"permissions"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &mine)
	}
	switch {
	case err != nil:
		permission = collectors.Check{What: permission.What, Problem: err.Error()}
	case !mine.Permissions["BROWSE_PROJECTS"].Have:
		permission = collectors.Check{What: permission.What, Problem: "missing in every project: add the token's user to a role with Browse projects"}
	}
	out = append(out, permission)
	search := collectors.Check{What: "search", Detail: "the jql is understood"}
	if err := collectors.FirstEvent(sample, func(emit collectors.Emit) error {
		_, err := s.Poll(ctx, nil, emit)
		return err
	}); err != nil {
		search = collectors.Check{What: "search", Problem: fmt.Sprintf("%v; check jql and fields under sources.jira", err)}
	}
	return append(out, search)
}
