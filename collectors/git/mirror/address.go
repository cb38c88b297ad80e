package mirror

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
)

// remote is where a repository lives.
type remote struct {
	// url is what git is told: an address, or an absolute path.
	url   string
	local bool
}

var scp = regexp.MustCompile(`^(?:[A-Za-z0-9][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:[^:]`)

// Canonical checks an address or path and returns it as git is given it: local
// paths absolute, addresses without user name where that is no part of the
// route. The error says what is wrong and how to mend it.
func Canonical(address string) (string, error) {
	r, err := parseRemote(address)
	return r.url, err
}

func parseRemote(address string) (remote, error) {
	switch {
	case address == "":
		return remote{}, errors.New("is empty: give the address or the path of a repository")
	case strings.ContainsAny(address, "\x00\n\r"):
		return remote{}, errors.New("holds a control character")
	case strings.HasPrefix(address, "-"):
		return remote{}, errors.New("begins with a dash: write ./ before a path")
	case strings.Contains(address, "::"):
		return remote{}, errors.New("names a transport helper: only https, http, ssh, git, file and paths are read")
	}
	scheme, _, hasScheme := strings.Cut(address, "://")
	if !hasScheme {
		if scp.MatchString(address) && !strings.HasPrefix(address, "/") && !strings.HasPrefix(address, ".") {
			return remote{url: address}, nil
		}
		path, err := filepath.Abs(address)
		if err != nil {
			return remote{}, fmt.Errorf("making the path absolute: %w", err)
		}
		return remote{url: path, local: true}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own words would quote the address, and with it a password.
		return remote{}, errors.New("is not a valid address")
	}
	switch scheme {
	case "https", "http":
		if u.User != nil {
			return remote{}, errors.New("holds a user name or password: take it out and set token")
		}
	case "ssh":
		if _, has := u.User.Password(); has {
			return remote{}, errors.New("holds a password: take it out and use an ssh key")
		}
	case "git", "file":
	default:
		return remote{}, errors.New("uses a transport that is not read: use https, http, ssh, git, file or a path")
	}
	if u.Host == "" && scheme != "file" {
		return remote{}, errors.New("names no host")
	}
	if strings.HasPrefix(u.Host, "-") {
		return remote{}, errors.New("names a host that begins with a dash")
	}
	return remote{url: address}, nil
}
