package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	gl "github.com/xanzy/go-gitlab"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/forge"
	"github.com/headway-metrics/headway/collectors/sso"
)

// Who is who by the SAML single sign-on of a group: GitLab tells its owners, in the list of
// members, by which name the identity provider knows each.

// member of a group is docs.gitlab.com, Group and project members API.
type member struct {
	user
	Level int `json:"access_level"`
	// Identity is null of somebody whom the provider does not know, and missing when the
	// token may not see it.
	Identity json.RawMessage `json:"group_saml_identity"`
}

// verified is the name by which the identity provider knows the member, "" when it does
// not; nil when GitLab does not say.
func (m member) verified() *string {
	var identity struct {
		ExternUID string `json:"extern_uid"`
	}
	if len(m.Identity) == 0 || json.Unmarshal(m.Identity, &identity) != nil {
		return nil
	}
	return &identity.ExternUID
}

// identities tells who is who, once all groups below one are read. Somebody of whom
// nothing is said any more, and who is still there, is who they were.
func (p *poller) identities(ctx context.Context, cur *cursor, root string, emit collectors.Emit) error {
	told := cur.SSO[root]
	are, none, unsaid := map[string]string{}, map[string]bool{}, map[string]bool{}
	for _, g := range cur.Groups[root] {
		for login, name := range g.SSO {
			switch {
			case name == nil:
				unsaid[login] = true
			case *name == "":
				none[login] = true
			default:
				are[login] = *name
			}
		}
	}
	for login, name := range told {
		if are[login] == "" && unsaid[login] && !none[login] {
			are[login] = name
		}
	}
	if d := sso.Between(told, are); !d.Empty() {
		now := p.now().UTC().Truncate(time.Millisecond)
		if err := forge.Tell(ctx, emit, Name, "sso", root, now, d, root, fmt.Sprint(d), now.Format(time.RFC3339Nano)); err != nil {
			return err
		}
	}
	if cur.SSO == nil {
		cur.SSO = map[string]map[string]string{}
	}
	cur.SSO[root] = are
	return nil
}

// ssoVisible says whether identities of single sign-on can be read; it is no problem when
// not.
func (p *poller) ssoVisible(ctx context.Context, group string) collectors.Check {
	c := collectors.Check{What: "identities of single sign-on"}
	raws, err := p.client.all(ctx, "groups/"+gl.PathEscape(group)+"/members", query{})
	if err != nil && !unavailable(err) {
		c.Problem = err.Error()
		return c
	}
	said, known := 0, 0
	for _, raw := range raws {
		var m member
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		if name := m.verified(); name != nil {
			said++
			if *name != "" {
				known++
			}
		}
	}
	c.Detail = fmt.Sprintf("%d usernames of %s are verified", known, group)
	if said == 0 {
		c.Detail = "not visible for " + group + ": it has no SAML of its own, or the token is not of an Owner; people are then known by headway.yaml and the catalog"
	}
	return c
}
