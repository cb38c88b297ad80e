package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/collectors/sso"
	"github.com/headway-metrics/headway/schema"
)

// Who is who by single sign-on: the login that a SAML identity provider has verified.
// Nobody is matched by the name that they show.

func identities(ev schema.Event, data []byte) ([]schema.Fact, error) {
	var c sso.Change
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("reading identities of SSO: %w", err)
	}
	return c.Facts(Name, ev.Time, func(login string) string { return (&user{Login: login}).ref() })
}

// ssoQuery is docs.github.com, GraphQL, OrganizationIdentityProvider. Organisations
// that single sign-on of the enterprise covers have none of their own.
const ssoQuery = `query($org: String!, $after: String) { organization(login: $org) { samlIdentityProvider { externalIdentities(first: 100, after: $after) {
  pageInfo { hasNextPage endCursor } nodes { user { login } samlIdentity { nameId } } } } } }`

// errNoSSO says that the organisation has no identity provider or that the credential
// may not see it.
var errNoSSO = errors.New("no SAML identity provider is visible")

type ssoAnswer struct {
	Data struct {
		Organization *struct {
			Provider *struct {
				Identities struct {
					PageInfo struct {
						HasNextPage bool   `json:"hasNextPage"`
						EndCursor   string `json:"endCursor"`
					} `json:"pageInfo"`
					Nodes []struct {
						User *user `json:"user"`
						SAML *struct {
							NameID string `json:"nameId"`
						} `json:"samlIdentity"`
					} `json:"nodes"`
				} `json:"externalIdentities"`
			} `json:"samlIdentityProvider"`
		} `json:"organization"`
	} `json:"data"`
	Errors []struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"errors"`
}

// ssoLinks reads the logins of an organisation that its identity provider verified.
func (c *client) ssoLinks(ctx context.Context, org string) (map[string]string, error) {
	out := map[string]string{}
	for after := any(nil); ; {
		var a ssoAnswer
		if err := c.query(ctx, map[string]any{"query": ssoQuery, "variables": map[string]any{"org": org, "after": after}}, &a); err != nil {
			return nil, err
		}
		if len(a.Errors) > 0 && a.Errors[0].Type != "FORBIDDEN" && a.Errors[0].Type != "NOT_FOUND" && a.Errors[0].Type != "INSUFFICIENT_SCOPES" {
			return nil, fmt.Errorf("asking GitHub for identities of SSO: %.200s", a.Errors[0].Message)
		}
		if len(a.Errors) > 0 || a.Data.Organization == nil || a.Data.Organization.Provider == nil {
			return nil, errNoSSO
		}
		page := a.Data.Organization.Provider.Identities
		for _, n := range page.Nodes {
			if n.User != nil && n.User.Login != "" && n.SAML != nil && n.SAML.NameID != "" {
				out[n.User.Login] = n.SAML.NameID
			}
		}
		if !page.PageInfo.HasNextPage {
			return out, nil
		}
		after = page.PageInfo.EndCursor
	}
}

// query asks GraphQL, which is beside the REST API's root: /graphql, or /api/graphql
// beside /api/v3/.
func (c *client) query(ctx context.Context, body, v any) error {
	c.requests++
	root := *c.api.BaseURL
	root.Path = strings.TrimSuffix(strings.TrimSuffix(root.Path, "/"), "/v3") + "/graphql"
	req, err := c.api.NewRequest(http.MethodPost, root.String(), body)
	if err != nil {
		return fmt.Errorf("asking GitHub's GraphQL: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	asking, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if _, err = c.api.Do(asking, req, v); err != nil {
		if ctx.Err() == nil && asking.Err() != nil {
			return fmt.Errorf("asking GitHub's GraphQL: no answer within %s", c.timeout)
		}
		return c.explain("graphql", err)
	}
	return nil
}

// sso reads who is who by single sign-on and tells what differs.
func (p *poller) sso(ctx context.Context, cur *cursor, org string, emit collectors.Emit) error {
	if p.now().Sub(p.checked["sso "+org]) < forge.DiscoverEvery {
		return nil
	}
	links, err := p.client.ssoLinks(ctx, org)
	if errors.Is(err, errNoSSO) || unavailable(err) {
		p.checked["sso "+org] = p.now()
		p.logger.DebugContext(ctx, "identities of SSO cannot be read", "organisation", org, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	if cur.SSO == nil {
		cur.SSO = map[string]map[string]string{}
	}
	if d := sso.Between(cur.SSO[org], links); !d.Empty() {
		now := p.now().UTC().Truncate(time.Millisecond)
		if err := forge.Tell(ctx, emit, Name, "sso", org, now, map[string]any{"linked": d.Linked, "unlinked": d.Unlinked}, org, fmt.Sprint(d), now.Format(time.RFC3339Nano)); err != nil {
			return err
		}
	}
	cur.SSO[org] = links
	p.checked["sso "+org] = p.now()
	return nil
}

// ssoVisible says whether identities of single sign-on can be read; it is no problem
// when not.
func (p *poller) ssoVisible(ctx context.Context, org string) collectors.Check {
	c := collectors.Check{What: "identities of single sign-on"}
	links, err := p.client.ssoLinks(ctx, org)
	_, answered := errors.AsType[*gh.ErrorResponse](err)
	switch {
	case err == nil:
		c.Detail = fmt.Sprintf("%d logins of %s are verified", len(links), org)
	case errors.Is(err, errNoSSO), answered:
		c.Detail = "not visible for " + org + ": it has no SAML of its own, or the credential may not see it (Members: read as an owner, classic: admin:org); " +
			"people are then known by headway.yaml and the catalog"
	default:
		c.Problem = err.Error()
	}
	return c
}
