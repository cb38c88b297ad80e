package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/headway-metrics/headway/collectors"
)

// Test implements collectors.Tester: whose the token is, which applications it may
// get, and how many of them a rule names. Argo CD leaves out of a list what an account
// may not get, instead of refusing.
func (s *Source) Test(ctx context.Context, sample collectors.Emit) []collectors.Check {
	if s.cfg.Token == "" {
		return []collectors.Check{{What: "API", Detail: "nothing is asked: no token is set"}}
	}
	var me struct {
		LoggedIn bool   `json:"loggedIn"`
		Username string `json:"username"`
	}
	raw, err := s.client.Get(ctx, "/api/v1/session/userinfo", nil)
	if err == nil {
		err = json.Unmarshal(raw, &me)
	}
	if err == nil && !me.LoggedIn {
		err = errors.New("the token is nobody's")
	}
	if err != nil {
		return []collectors.Check{{What: "credentials", Problem: fmt.Sprintf(
			"%v; make a token with 'argocd account generate-token' and set url and token_file under sources.argocd", err)}}
	}
	out := []collectors.Check{{What: "credentials", Detail: "accepted; the account is " + me.Username}}
	return append(out, s.permitted(ctx, me.Username, sample)...)
}

func (s *Source) permitted(ctx context.Context, account string, sample collectors.Emit) []collectors.Check {
	get := collectors.Check{What: "permission applications, get"}
	items, err := s.list(ctx)
	if err != nil {
		get.Problem = fmt.Sprintf("%v; without it no deployments are read", err)
		return []collectors.Check{get}
	}
	if len(items) == 0 {
		get.Problem = fmt.Sprintf("no application is visible: add 'p, %s, applications, get, */*, allow' to policy.csv of argocd-rbac-cm", account)
		return []collectors.Check{get}
	}
	get.Detail = fmt.Sprintf("granted for %d applications", len(items))
	rules := collectors.Check{What: "applications"}
	named := 0
	for _, item := range items {
		var a application
		if json.Unmarshal(item, &a) != nil || !s.names(a) {
			continue
		}
		if named++; named == 1 {
			_ = sample(ctx, event(typeListed, a, item, s.now())) // A sample's only error is that one is enough.
		}
	}
	if rules.Detail = fmt.Sprintf("a rule names %d of them", named); named == 0 {
		rules = collectors.Check{What: rules.What, Problem: "no rule names any of them: correct the patterns in applications under sources.argocd"}
	}
	return []collectors.Check{get, rules}
}

// names reports whether a rule names an application.
func (s *Source) names(a application) bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool {
		_, ok := r.match(a)
		return ok
	})
}
