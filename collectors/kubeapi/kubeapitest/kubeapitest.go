// Package kubeapitest is a small API server of Kubernetes for tests, written by hand
// after https://kubernetes.io/docs/reference/using-api/api-concepts ("Retrieving large
// results sets in chunks", "Metadata-only fetches").
package kubeapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/kubeapi"
)

// Token is the one that it takes.
const Token = "hunter2"

// Server holds objects. Change what it holds with API.Change.
type Server struct {
	*collectortest.API
	// Objects by resource and then by "namespace/name", as JSON; a resource that is not
	// there is not installed.
	Objects map[kubeapi.Resource]map[string]string
	// Page bounds every page beside the limit that is asked for.
	Page int
	// Forbidden are plural names that the token may not list.
	Forbidden []string
	// Expire lets that many continue tokens expire.
	Expire int
	// Broken fails the listing of these plural names with 500 from their second page on.
	Broken []string
}

// New starts a server; it ends with the test.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{Objects: map[kubeapi.Resource]map[string]string{}, Page: 2}
	s.API = collectortest.NewAPI(tb, s.serve)
	return s
}

// Put stores an object and gives it a resourceVersion that follows from its content.
func (s *Server) Put(tb testing.TB, r kubeapi.Resource, object string) {
	tb.Helper()
	o := decode(object)
	meta, ok := o["metadata"].(map[string]any)
	if !ok {
		tb.Fatalf("an object without metadata: %s", object)
	}
	if s.Objects[r] == nil {
		s.Objects[r] = map[string]string{}
	}
	s.Objects[r][fmt.Sprintf("%s/%s", text(meta["namespace"]), text(meta["name"]))] = object
}

func text(v any) string { s, _ := v.(string); return s }

func decode(object string) map[string]any {
	var o map[string]any
	if err := json.Unmarshal([]byte(object), &o); err != nil {
		return map[string]any{}
	}
	if m, ok := o["metadata"].(map[string]any); ok && m["resourceVersion"] == nil {
		m["resourceVersion"] = strconv.Itoa(len(object)) + strconv.Itoa(int(crc(object)))
	}
	return o
}

// crc tells two contents apart.
func crc(s string) (n uint32) {
	for _, b := range []byte(s) {
		n = n*31 + uint32(b)
	}
	return n
}

func refuse(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Token {
		refuse(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	// /apis/GROUP/VERSION[/namespaces/NAMESPACE]/PLURAL[/NAME]
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/apis/"), "/")
	namespace := ""
	if len(parts) > 4 && parts[2] == "namespaces" {
		namespace = parts[3]
		parts = append(parts[:2:2], parts[4:]...)
	}
	if len(parts) < 3 {
		refuse(w, http.StatusNotFound, "NotFound")
		return
	}
	objects, ok := s.Objects[kubeapi.Resource{Group: parts[0], Version: parts[1], Plural: parts[2]}]
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "NotFound")
	case slices.Contains(s.Forbidden, parts[2]):
		refuse(w, http.StatusForbidden, "Forbidden")
	case len(parts) == 4:
		o, ok := objects[namespace+"/"+parts[3]]
		if !ok {
			refuse(w, http.StatusNotFound, "NotFound")
			return
		}
		_ = json.NewEncoder(w).Encode(decode(o))
	default:
		s.list(w, r, parts[2], objects)
	}
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, plural string, objects map[string]string) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 {
		refuse(w, http.StatusBadRequest, "a list without limit")
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	if from > 0 && s.Expire > 0 {
		s.Expire--
		refuse(w, http.StatusGone, "Expired")
		return
	}
	if from > 0 && slices.Contains(s.Broken, plural) {
		refuse(w, http.StatusInternalServerError, "InternalError")
		return
	}
	keys := slices.Sorted(maps.Keys(objects))
	to := min(from+min(limit, s.Page), len(keys))
	items := []any{}
	only := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList")
	for _, k := range keys[min(from, to):to] {
		o := decode(objects[k])
		if only {
			o = map[string]any{"metadata": o["metadata"]}
		}
		items = append(items, o)
	}
	meta := map[string]any{"resourceVersion": "1"}
	if to < len(keys) {
		meta["continue"] = strconv.Itoa(to)
	}
	kind := "SomethingList"
	if only {
		kind = "PartialObjectMetadataList"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "metadata": meta, "items": items})
}
