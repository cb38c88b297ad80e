// Package sso says who is who by single sign-on: which name of a system an identity
// provider has verified for whom. How a system is asked may not enter, nor any name that
// somebody only shows.
package sso

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Link is somebody's name in a system and the one that the identity provider knows.
type Link struct {
	Login  string `json:"login"`
	NameID string `json:"name_id"`
}

// person is whom the link leads to: an e-mail address, which another link may lead on
// from, else the provider's own name for somebody.
func (l Link) person() string {
	name := strings.ToLower(l.NameID)
	if strings.Contains(name, "@") {
		return "email:" + name
	}
	return "saml:" + name
}

// Change is what differs from what was told before, as an event holds it.
type Change struct {
	Linked   []Link `json:"linked"`
	Unlinked []Link `json:"unlinked"`
}

// Between compares the provider's names by login, as they were told and as they are.
func Between(told, are map[string]string) Change {
	var c Change
	for login, name := range are {
		if told[login] != name {
			c.Linked = append(c.Linked, Link{login, name})
		}
	}
	for login, name := range told {
		if are[login] == "" {
			c.Unlinked = append(c.Unlinked, Link{login, name})
		}
	}
	byLogin := func(a, b Link) int { return strings.Compare(a.Login, b.Login) }
	slices.SortFunc(c.Linked, byLogin)
	slices.SortFunc(c.Unlinked, byLogin)
	return c
}

// Empty reports whether nothing differs.
func (c Change) Empty() bool { return len(c.Linked)+len(c.Unlinked) == 0 }

// Facts are the identities that a source was told of at a time; ref is how a login is
// written everywhere.
func (c Change) Facts(source string, at time.Time, ref func(login string) string) ([]schema.Fact, error) {
	var out []schema.Fact
	for gone, links := range map[uint8][]Link{0: c.Linked, 1: c.Unlinked} {
		for _, l := range links {
			if l.Login == "" || l.NameID == "" {
				return nil, errors.New("an identity of SSO has no login or no name")
			}
			out = append(out, &schema.Identity{
				Meta: schema.Meta{Source: source, Version: schema.IdentityVersion(at, "sso"), Deleted: gone},
				Ref:  ref(l.Login), PersonID: l.person(), How: "sso",
			})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no identities of SSO")
	}
	slices.SortFunc(out, func(a, b schema.Fact) int { return strings.Compare(a.FactID(), b.FactID()) })
	return out, nil
}
