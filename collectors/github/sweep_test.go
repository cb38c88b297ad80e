package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/github"
	"github.com/headway-metrics/headway/internal/secret"
)

// hooked is a GitHub with one organisation, no repositories, and the deliveries of
// its webhooks, newest first; written by hand after
// https://docs.github.com/rest/orgs/webhooks.
type hooked struct {
	*httptest.Server
	mu         sync.Mutex
	now        time.Time
	deliveries []object
	// redelivered are the answers of Headway to what is sent again, by delivery
	// id; 202 when nothing is said. A code of 0 means that GitHub has it no more.
	redelivered map[int]int
	asked       []string
	header      http.Header
	pageSize    int
}

const orgHook = "/orgs/Acme/hooks/7"

func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{now: clock, redelivered: map[int]int{}, header: http.Header{}, pageSize: 3}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

// add a delivery that ended with a status, some time ago.
func (h *hooked) add(id int, guid string, status int, age time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deliveries = append(h.deliveries, object{
		"id": id, "guid": guid, "delivered_at": h.now.Add(-age).Format(time.RFC3339), "status_code": status, "redelivery": false, "event": "push",
	})
	slices.SortStableFunc(h.deliveries, func(a, b object) int { return strings.Compare(b["delivered_at"].(string), a["delivered_at"].(string)) })
}

func (h *hooked) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.header {
		w.Header().Set(k, h.header.Get(k))
	}
	answer := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(b)
	}
	path := strings.Replace(r.URL.Path, "/app/hook", orgHook, 1)
	switch {
	case path == "/orgs/Acme/repos":
		answer([]object{})
	case path == "/orgs/Acme/hooks":
		answer([]object{
			{"id": 7, "active": true, "config": object{"url": "https://headway.acme.example/hooks/github"}},
			{"id": 8, "active": true, "config": object{"url": "https://chat.acme.example/github"}},
			{"id": 9, "active": false, "config": object{"url": "https://old.acme.example/hooks/github"}},
		})
	case path == orgHook+"/config":
		answer(object{"url": "https://headway.acme.example/hooks/github"})
	case path == orgHook+"/deliveries":
		h.asked = append(h.asked, "list")
		from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
		to := min(from+h.pageSize, len(h.deliveries))
		if to < len(h.deliveries) {
			w.Header().Set("Link", fmt.Sprintf(`<%s%s?cursor=%d>; rel="next"`, h.URL, r.URL.Path, to))
		}
		answer(h.deliveries[from:to])
	case r.Method == http.MethodPost && strings.HasSuffix(path, "/attempts"):
		h.again(w, strings.TrimSuffix(strings.TrimPrefix(path, orgHook+"/deliveries/"), "/attempts"))
	default:
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
	}
}

// again makes the delivery that GitHub makes of an attempt: a new id, the same GUID.
func (h *hooked) again(w http.ResponseWriter, id string) {
	n, _ := strconv.Atoi(id)
	h.asked = append(h.asked, id)
	status, said := h.redelivered[n]
	if !said {
		status = http.StatusAccepted
	}
	at := slices.IndexFunc(h.deliveries, func(o object) bool { return o["id"] == n })
	if status == 0 || at < 0 {
		http.Error(w, `{"message":"Not Found"}`, http.StatusNotFound)
		return
	}
	h.deliveries = append([]object{{
		"id": n + 1000, "guid": h.deliveries[at]["guid"], "delivered_at": h.now.Format(time.RFC3339), "status_code": status, "redelivery": true,
	}}, h.deliveries...)
	h.redelivered[n+1000] = status
	w.WriteHeader(http.StatusAccepted)
}

// sweep polls once, as a process that has just started, some time after the last.
func (h *hooked) sweep(t *testing.T, cursor collectors.Cursor, later time.Duration, change func(*github.Config)) (collectors.Cursor, []string) {
	t.Helper()
	h.mu.Lock()
	h.now = h.now.Add(later)
	h.asked = nil
	now := h.now
	h.mu.Unlock()
	cfg := github.DefaultConfig()
	cfg.APIURL, cfg.Token, cfg.Organisations, cfg.WebhookSecret = h.URL, "t0k3n", []string{"Acme"}, hookSecret
	if change != nil {
		change(&cfg)
	}
	s, err := github.New(cfg, collectors.Deps{
		Logger: slog.New(slog.DiscardHandler), HTTP: &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}},
	}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	cursor, err = collectortest.CatchUp(t, s, cursor, &collectortest.Publisher{})
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := slices.Clone(h.asked)
	return cursor, asked
}

func posts(asked []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return s == "list" })
}

func TestSweepAsksForWhatFailed(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.add(1, "fine", 202, time.Hour)
	h.add(2, "away", 502, 2*time.Hour)
	h.add(3, "mended by hand", 500, 5*time.Hour)
	h.add(4, "mended by hand", 202, 4*time.Hour)
	h.deliveries[slices.IndexFunc(h.deliveries, func(o object) bool { return o["id"] == 4 })]["redelivery"] = true
	h.add(5, "slow", 504, 70*time.Hour)
	h.add(6, "too old", 502, 73*time.Hour)
	cursor, asked := h.sweep(t, nil, 0, nil)
	if d := cmp.Diff([]string{"5", "2"}, posts(asked)); d != "" {
		t.Errorf("asked for, the oldest first (-want +got):\n%s", d)
	}
	// Both arrive now, so nothing is left.
	cursor, asked = h.sweep(t, cursor, time.Hour, nil)
	if len(posts(asked)) > 0 {
		t.Errorf("asked again for what arrived: %v", asked)
	}
	if strings.Contains(string(cursor), "failed") {
		t.Errorf("the cursor still holds failures: %s", cursor)
	}
	h.add(7, "later", 503, time.Minute)
	if _, asked = h.sweep(t, cursor, time.Hour, nil); !slices.Equal(posts(asked), []string{"7"}) {
		t.Errorf("a later failure: %v", asked)
	}
	if n := len(asked) - len(posts(asked)); n > 2 {
		t.Errorf("%d pages read for what is new", n)
	}
}

// TestSweepGivesUp: what fails for good is asked for a few times in three days.
func TestSweepGivesUp(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.add(1, "hopeless", 500, 0)
	h.redelivered[1] = http.StatusInternalServerError
	h.add(2, "vanished", 500, time.Minute)
	h.redelivered[2] = 0
	var cursor collectors.Cursor
	var all []string
	for range 24 * 4 {
		var asked []string
		cursor, asked = h.sweep(t, cursor, time.Hour, nil)
		all = append(all, posts(asked)...)
	}
	if n := len(all); n < 5 || n > 8 || !slices.Contains(all, "2") {
		t.Errorf("asked %d times in four days: %v", n, all)
	}
	if strings.Contains(string(cursor), "hopeless") || strings.Contains(string(cursor), "vanished") {
		t.Errorf("the cursor holds what is lost: %s", cursor)
	}
}

// TestSweepLeavesBudget: a sweep, like a backfill, leaves what is happening now its
// share.
func TestSweepLeavesBudget(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.add(1, "away", 502, time.Hour)
	h.header.Set("X-RateLimit-Limit", "5000")
	h.header.Set("X-RateLimit-Remaining", "1400")
	h.header.Set("X-RateLimit-Reset", strconv.FormatInt(clock.Add(time.Hour).Unix(), 10))
	cursor, asked := h.sweep(t, nil, 0, nil)
	if len(asked) > 0 {
		t.Errorf("spent the reserve: %v", asked)
	}
	h.header.Set("X-RateLimit-Remaining", "4000")
	if _, asked = h.sweep(t, cursor, 0, nil); !slices.Equal(posts(asked), []string{"1"}) {
		t.Errorf("asked %v once there is budget", asked)
	}
}

// TestSweepOfManyGoesOn: more failures than one poll asks for are all asked for, once.
func TestSweepOfManyGoesOn(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.pageSize = 100
	for n := range 250 {
		h.add(n+1, fmt.Sprintf("guid %d", n), 502, time.Duration(n)*time.Minute)
	}
	_, asked := h.sweep(t, nil, 0, nil)
	got := posts(asked)
	slices.Sort(got)
	if len(got) != 250 || len(slices.Compact(got)) != 250 {
		t.Errorf("asked for %d deliveries, want each of 250 once", len(got))
	}
}

func TestSweepOfAnApp(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	h := newHooked(t)
	h.add(1, "away", 502, time.Hour)
	var asApp bool
	inner := h.Config.Handler
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/app/installations/2/access_tokens":
			_, _ = fmt.Fprintf(w, `{"token": "of-the-installation", "expires_at": %q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
		case r.URL.Path == "/orgs/Acme/hooks":
			http.Error(w, `{"message":"Resource not accessible by integration"}`, http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, "/app/") && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey"):
			asApp = true
			inner.ServeHTTP(w, r)
		default:
			inner.ServeHTTP(w, r)
		}
	})
	_, asked := h.sweep(t, nil, 0, func(c *github.Config) {
		c.Token, c.App = "", github.App{ID: 1, InstallationID: 2, PrivateKey: secret.String(pemKey)}
	})
	if !asApp || !slices.Equal(posts(asked), []string{"1"}) {
		t.Errorf("asked %v, as the App: %t", asked, asApp)
	}
}

// TestNoSweep: without permission, without a webhook's secret, or when it is turned
// off, nothing is asked for and nothing else suffers.
func TestNoSweep(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*github.Config){
		"turned off": func(c *github.Config) { c.Redeliver = false },
		"no webhook": func(c *github.Config) { c.WebhookSecret = "" },
	} {
		h := newHooked(t)
		h.add(1, "away", 502, time.Hour)
		if _, asked := h.sweep(t, nil, 0, change); len(asked) > 0 {
			t.Errorf("%s: asked %v", name, asked)
		}
	}
	h := newHooked(t)
	h.add(1, "away", 502, time.Hour)
	inner := h.Config.Handler
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/hooks") {
			http.Error(w, `{"message":"Must have admin rights"}`, http.StatusForbidden)
			return
		}
		inner.ServeHTTP(w, r)
	})
	if _, asked := h.sweep(t, nil, 0, nil); len(asked) > 0 {
		t.Errorf("without permission: asked %v", asked)
	}
}
