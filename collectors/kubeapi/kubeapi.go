// Package kubeapi asks the API of Kubernetes clusters: lists with their pages, and
// objects. It only reads. What an object means may not enter.
//
// It is a few requests of package rest and not k8s.io/client-go, because two verbs of
// a stable API are needed, while the smallest part of client-go that lists (metadata,
// pager, clientcmd) brings 106 packages of 74 modules into a binary that every user
// installs; and because its errors, patience and bounds are then those of every other
// source. The traps that client-go would have known:
//
//   - the token of a pod is replaced every hour: it is read before each reading;
//   - a list whose continue token has expired is answered with 410: it is listed again
//     from the beginning;
//   - metadata can be asked for without the rest of the objects.
package kubeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/rest"
	"github.com/headway-metrics/headway/internal/secret"
)

// ServiceAccount is where a pod finds the token and the authority of its account
// (kubernetes.io, "Accessing the Kubernetes API from a Pod").
const ServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// Cluster is how to reach one.
type Cluster struct {
	Name           string        `yaml:"name" json:"name" jsonschema:"required,description=What the cluster is called"`
	URL            string        `yaml:"url" json:"url,omitempty" jsonschema:"description=Address of the API server; empty is the cluster in which Headway runs"`
	Token          secret.String `yaml:"token" json:"token,omitempty" jsonschema:"description=Token of a service account that does not expire; use token_file or ${env:NAME}"`
	ServiceAccount string        `yaml:"service_account" json:"service_account,omitempty" jsonschema:"description=Folder that holds the files token and ca.crt of a service account; they are read again before each reading. Default without url and token is that of the pod"`
	CAFile         string        `yaml:"ca_file" json:"ca_file,omitempty" jsonschema:"description=File with the certificate of the authority that signed the API server's; empty is ca.crt of service_account or else what the system trusts"`
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Check returns every problem of a list of clusters, with the key that has it and the
// fix.
func Check(clusters []Cluster) error {
	var errs []error
	bad := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("clusters[%d].%w", i, fmt.Errorf(format, args...)))
	}
	if len(clusters) == 0 {
		errs = append(errs, errors.New("clusters is missing: name at least one; without url it is the one in which Headway runs"))
	}
	names := map[string]bool{}
	for i, c := range clusters {
		if !validName.MatchString(c.Name) {
			bad(i, "name is %q: use letters, digits, dot, dash and underscore", c.Name)
		}
		if names[c.Name] {
			bad(i, "name %q is there twice: give each cluster a name of its own", c.Name)
		}
		names[c.Name] = true
		if c.URL != "" {
			if err := rest.CheckBase(c.URL); err != nil {
				bad(i, "url %w", err)
			}
		}
		switch {
		case c.Token != "" && c.ServiceAccount != "":
			bad(i, "token stands beside service_account: keep one of them")
		case c.Token != "" && c.URL == "":
			bad(i, "token stands without url: give the address of the API server")
		case c.URL != "" && c.Token == "" && c.ServiceAccount == "":
			bad(i, "token is missing: set token_file, or service_account when the token is replaced from time to time")
		}
	}
	return errors.Join(errs...)
}

// Session is one reading of a cluster.
type Session struct {
	client rest.Client
	token  secret.String
	// own is set when the connections are this session's.
	own *http.Transport
}

// Open reads the credentials; Close the session. client is used as it is unless the
// cluster has an authority of its own.
func Open(c Cluster, client *http.Client) (*Session, error) {
	s := &Session{token: c.Token}
	base, ca := c.URL, c.CAFile
	account := c.ServiceAccount
	if base == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return nil, errors.New("KUBERNETES_SERVICE_HOST is not set, so Headway does not run in a cluster: set url and token_file")
		}
		base = "https://" + net.JoinHostPort(host, port)
		if account == "" {
			account = ServiceAccount
		}
	}
	if account != "" {
		b, err := os.ReadFile(filepath.Join(account, "token")) //nolint:gosec // The configuration names the folder.
		if err != nil {
			return nil, fmt.Errorf("reading the service account's token: %w; check that the pod mounts it (automountServiceAccountToken)", err)
		}
		s.token = secret.String(strings.TrimSpace(string(b)))
		if _, err := os.Stat(filepath.Join(account, "ca.crt")); ca == "" && err == nil {
			ca = filepath.Join(account, "ca.crt")
		}
	}
	if client == nil {
		client = &http.Client{Timeout: time.Minute}
	}
	if ca != "" {
		own, err := trusting(ca)
		if err != nil {
			return nil, err
		}
		s.own = own
		client = &http.Client{Transport: own, Timeout: client.Timeout}
	}
	s.client = rest.Client{HTTP: client, Base: base}
	return s, nil
}

func trusting(file string) (*http.Transport, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // The configuration names the file.
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM: copy certificate-authority-data from the kubeconfig and decode it from base64", file)
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}, nil
}

// Close ends the session's connections.
func (s *Session) Close() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// Accepted forms of an answer.
const (
	objects  = "application/json"
	metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"
)

func (s *Session) get(ctx context.Context, path string, query url.Values, accept string) (json.RawMessage, error) {
	client := s.client
	client.Authorize = func(r *http.Request) {
		r.Header.Set("Accept", accept)
		r.Header.Set("Authorization", "Bearer "+s.token.Reveal())
	}
	return client.Get(ctx, path, query)
}

// Resource is a kind of object.
type Resource struct{ Group, Version, Plural string }

func (r Resource) String() string { return r.Plural + "." + r.Group }

// path of all objects of the resource, or of one; namespace is "" for what has none.
func (r Resource) path(namespace, name string) string {
	p := "/apis/" + r.Group + "/" + r.Version
	if namespace != "" {
		p += "/namespaces/" + url.PathEscape(namespace)
	}
	p += "/" + r.Plural
	if name != "" {
		p += "/" + url.PathEscape(name)
	}
	return p
}

// Object is one as it is stored.
func (s *Session) Object(ctx context.Context, r Resource, namespace, name string) (json.RawMessage, error) {
	return s.get(ctx, r.path(namespace, name), nil, objects)
}

// Meta is what every object says of itself.
type Meta struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	UID             string            `json:"uid"`
	ResourceVersion string            `json:"resourceVersion"`
	Labels          map[string]string `json:"labels"`
	Annotations     map[string]string `json:"annotations"`
}

// Key is unique among the objects of a resource.
func (m Meta) Key() string { return m.Namespace + "/" + m.Name }

const (
	// metadataPage and objectPage are how many are asked for at once: an object has at
	// most 1.5 MB, so that a page of objects is below rest.MaxBody.
	metadataPage = 500
	objectPage   = 40
	// listings bounds how often a list that expires is begun again, and maxPages one
	// that never ends.
	listings = 3
	maxPages = 100_000
)

// Metadata lists all objects of a resource in all namespaces, without what they hold.
func (s *Session) Metadata(ctx context.Context, r Resource) ([]Meta, error) {
	type partial struct {
		Metadata Meta `json:"metadata"`
	}
	items, err := list[partial](ctx, s, r, metadata, metadataPage)
	out := make([]Meta, 0, len(items))
	for _, i := range items {
		out = append(out, i.Metadata)
	}
	return out, err
}

// Objects lists all objects of a resource in all namespaces.
func (s *Session) Objects(ctx context.Context, r Resource) ([]json.RawMessage, error) {
	return list[json.RawMessage](ctx, s, r, objects, objectPage)
}

func list[T any](ctx context.Context, s *Session, r Resource, accept string, limit int) ([]T, error) {
	for try := 1; ; try++ {
		out, err := listOnce[T](ctx, s, r, accept, limit)
		if IsStatus(err, http.StatusGone) && try < listings {
			continue
		}
		return out, err
	}
}

func listOnce[T any](ctx context.Context, s *Session, r Resource, accept string, limit int) ([]T, error) {
	var out []T
	next := ""
	for range maxPages {
		query := url.Values{"limit": {strconv.Itoa(limit)}}
		if next != "" {
			query.Set("continue", next)
		}
		raw, err := s.get(ctx, r.path("", ""), query, accept)
		if err != nil {
			return nil, err
		}
		var page struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []T `json:"items"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("reading the list of %s: %w", r, err)
		}
		if !strings.HasSuffix(page.Kind, "List") {
			return nil, fmt.Errorf("the answer to the list of %s is a %.40q: check that the url is that of an API server", r, page.Kind)
		}
		out = append(out, page.Items...)
		if page.Metadata.Continue == "" {
			return out, nil
		}
		next = page.Metadata.Continue
	}
	return nil, fmt.Errorf("the list of %s has more than %d pages", r, maxPages)
}

// GoOn reports whether another resource may be asked for after an error: a cluster that
// refuses one kind may allow the next, but one that is not there, does not know the token
// or asks for patience is left alone.
func GoOn(err error) bool { return err == nil || IsStatus(err, http.StatusForbidden) }

// IsStatus reports whether an answer was this one.
func IsStatus(err error, code int) bool {
	e, ok := errors.AsType[*rest.StatusError](err)
	return ok && e.Code == code
}

// Permission tries to list a resource and says what is wrong and how to mend it; goOn is
// false when there is no sense in trying another. Unless it is required it is fine that
// the cluster does not know the resource.
func (s *Session) Permission(ctx context.Context, cluster string, r Resource, required bool) (c collectors.Check, goOn bool) {
	c = collectors.Check{What: "cluster " + cluster + ": list " + r.String(), Detail: "allowed"}
	_, err := s.get(ctx, r.path("", ""), url.Values{"limit": {"1"}}, metadata)
	switch {
	case err == nil:
	case IsStatus(err, http.StatusNotFound) && !required:
		c.Detail = "not installed in the cluster"
	case IsStatus(err, http.StatusForbidden):
		c.Problem = fmt.Sprintf("%v; give the service account get and list of %s in apiGroup %s by a ClusterRole", err, r.Plural, r.Group)
	default:
		c.Problem = fmt.Sprintf("%v; check url, token and ca_file of the cluster, and that Headway may reach it", err)
		return c, false
	}
	return c, true
}
