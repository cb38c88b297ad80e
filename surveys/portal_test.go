package surveys

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		answerForEver(dir)
	}
	goleak.VerifyTestMain(m)
}

var midNovember = time.Date(2026, 11, 18, 10, 30, 0, 0, time.UTC)

// memory is a Publisher that keeps batches, and fails when told to.
type memory struct {
	mu      sync.Mutex
	batches [][]schema.Event
	err     error
	// after, when set, is returned once the events are kept: Kafka had them, and
	// nobody heard.
	after error
}

func (m *memory) Publish(_ context.Context, events ...schema.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.batches = append(m.batches, events)
	return m.after
}

// events of a source, in the order of their offsets.
func (m *memory) events(source string) []schema.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []schema.Event
	for _, b := range m.batches {
		for _, e := range b {
			if e.Source == source {
				out = append(out, e)
			}
		}
	}
	return out
}

// office is a portal with its surroundings.
type office struct {
	*Portal

	kafka *memory
	now   *time.Time
	sizes map[string]int
	past  *[]Invited
	dir   string
	log   *strings.Builder
}

func newOffice(tb testing.TB, adapt func(*Options)) office {
	tb.Helper()
	now, past := midNovember, []Invited(nil)
	o := office{
		kafka: &memory{}, now: &now, past: &past, dir: tb.TempDir(), log: &strings.Builder{},
		sizes: map[string]int{"payments": 12, "search": 9, "tiny": 4},
	}
	opts := Options{
		Config: DefaultConfig(), PublicURL: "https://headway.example.com", Organisation: "Example", StateDir: o.dir,
		Publisher: o.kafka, Zone: time.UTC, Now: func() time.Time { return *o.now },
		Logger:   slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		TeamSize: func(_ context.Context, team string) (int, error) { return o.sizes[team], nil },
		TeamOf: func(_ context.Context, person string) (string, error) {
			_, team, _ := strings.Cut(strings.TrimSuffix(person, ".example.com"), "@")
			return team, nil
		},
		Invited: func(context.Context, time.Time) ([]Invited, error) { return *o.past, nil },
	}
	if adapt != nil {
		adapt(&opts)
	}
	p, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	o.Portal = p
	return o
}

// link invites one person and returns the path of the link.
func (o office) link(tb testing.TB, person, team string) string {
	tb.Helper()
	got, err := o.Invite(tb.Context(), "platform", []Person{{ID: person, Team: team}})
	if err != nil || len(got.Links) != 1 {
		tb.Fatalf("inviting: %v, %d links", err, len(got.Links))
	}
	return strings.TrimPrefix(got.Links[0].Link, "https://headway.example.com")
}

func (o office) get(path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	return o.serve(httptest.NewRequest(http.MethodGet, path, nil), change...)
}

func (o office) post(form url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/survey/answer", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return o.serve(r, change...)
}

func (o office) serve(r *http.Request, change ...func(*http.Request)) *httptest.ResponseRecorder {
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

// filled is a complete form behind a link.
func filled(path string) url.Values {
	return url.Values{
		"token":            {strings.TrimPrefix(path, "/survey/i/")},
		"q-recommend":      {"9"},
		"q-satisfaction":   {"4"},
		"q-ease":           {"6"},
		"q-infrastructure": {"25"},
		"q-comment":        {"Faster builds, please."},
	}
}

func (o office) mustAnswer(tb testing.TB, form url.Values) {
	tb.Helper()
	if w := o.post(form); w.Code != http.StatusSeeOther {
		tb.Fatalf("answering: %d\n%s", w.Code, w.Body)
	}
}

func TestAnswerByLink(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	path := o.link(t, "ada@example.com", "payments")
	if w := o.get(path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Send my answers") {
		t.Fatalf("form: %d\n%s", w.Code, w.Body)
	}
	w := o.post(filled(path))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/survey/thanks" {
		t.Fatalf("answer: %d to %s\n%s", w.Code, w.Header().Get("Location"), w.Body)
	}
	if w := o.get("/survey/thanks"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Thank you") {
		t.Errorf("thanks: %d", w.Code)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"again": o.post(filled(path)), "look": o.get(path)} {
		if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "already answered") {
			t.Errorf("%s: %d, want 409", name, w.Code)
		}
	}
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(o.kafka.events(AnswersSource)); got != 0 {
		t.Errorf("%d answers of one person were published at once, want none", got)
	}
	*o.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := o.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(o.kafka.events(AnswersSource)); got != 5 {
		t.Errorf("%d answers after the wave, want 5", got)
	}
	if w := o.get(path); w.Code != http.StatusGone {
		t.Errorf("after the wave: %d, want 410", w.Code)
	}
}

func TestUnusableLinks(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	other := newOffice(t, nil)
	good := o.link(t, "ada@example.com", "payments")
	for name, path := range map[string]string{
		"short":       "/survey/i/abc",
		"cut":         good[:len(good)-3],
		"other's key": other.link(t, "ada@example.com", "payments"),
		"long":        "/survey/i/" + strings.Repeat("A", 4000),
	} {
		if w := o.get(path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "does not work") {
			t.Errorf("%s: %d, want 404", name, w.Code)
		}
	}
	form := filled(good)
	form.Set("token", form.Get("token")[1:])
	if w := o.post(form); w.Code != http.StatusNotFound {
		t.Errorf("posting a bad token: %d, want 404", w.Code)
	}
	if strings.Contains(o.log.String(), "/survey/i/") {
		t.Error("a link was logged")
	}
}

func TestGuessesAreSlowedDown(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	good := o.link(t, "ada@example.com", "payments")
	for range guessBurst {
		o.get("/survey/i/guess")
	}
	if w := o.get(good); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("after %d guesses: %d, want 429", guessBurst, w.Code)
	}
	elsewhere := func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1234" }
	if w := o.get(good, elsewhere); w.Code != http.StatusOK {
		t.Errorf("another address: %d, want 200", w.Code)
	}
	*o.now = o.now.Add(time.Minute)
	if w := o.get(good); w.Code != http.StatusOK {
		t.Errorf("a minute later: %d, want 200", w.Code)
	}
}

func TestErrorsKeepWhatWasEntered(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	path := o.link(t, "ada@example.com", "payments")
	form := filled(path)
	form.Del("q-satisfaction")
	form.Set("q-infrastructure", "a <lot>")
	w := o.post(form)
	if w.Code != http.StatusUnprocessableEntity {
		t.Fatalf("%d, want 422", w.Code)
	}
	for _, want := range []string{
		`<a href="#q-satisfaction-1">`, `<a href="#q-infrastructure">`, `value="a &lt;lot&gt;"`, "Faster builds, please.",
		`value="9" checked`, "2 answers to mend",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	o.mustAnswer(t, filled(path))
}

func TestUnsavedAnswerIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	path := o.link(t, "ada@example.com", "payments")
	if err := os.Rename(filepath.Join(o.dir, "lock"), filepath.Join(o.dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(o.dir, "lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	w := o.post(filled(path))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "were not saved") ||
		!strings.Contains(w.Body.String(), "Faster builds, please.") {
		t.Fatalf("%d, want 503 with the entered values", w.Code)
	}
	if err := os.Remove(filepath.Join(o.dir, "lock")); err != nil {
		t.Fatal(err)
	}
	o.mustAnswer(t, filled(path))
}

func TestTooLargeForm(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	form := filled(o.link(t, "ada@example.com", "payments"))
	form.Set("q-comment", strings.Repeat("x", maxForm))
	if w := o.post(form); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d, want 413", w.Code)
	}
	form.Set("q-comment", strings.Repeat("é", maxComment+1))
	if w := o.post(form); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "it has 2001") {
		t.Errorf("a long comment: %d, want 422", w.Code)
	}
	form.Set("q-comment", strings.Repeat("é", maxComment))
	o.mustAnswer(t, form)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	for _, path := range []string{o.link(t, "ada@example.com", "payments"), "/survey", "/survey/thanks", "/survey/none"} {
		w := o.get(path)
		for key, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Set-Cookie": "",
		} {
			if got := w.Header().Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", path, key, got, want)
			}
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

func TestRunPublishesAndStops(t *testing.T) {
	t.Parallel()
	published := make(chan struct{}, 1)
	o := newOffice(t, func(o *Options) {
		o.Config.FlushEvery = "1s"
		o.Publisher = publishFunc(func([]schema.Event) {
			select {
			case published <- struct{}{}:
			default:
			}
		})
	})
	o.flushEvery = 10 * time.Millisecond
	for i := range 2 * MinThreshold {
		o.mustAnswer(t, filled(o.link(t, string(rune('a'+i))+"@example.com", "payments")))
	}
	for len(published) > 0 {
		<-published
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	<-published
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type publishFunc func([]schema.Event)

func (f publishFunc) Publish(_ context.Context, events ...schema.Event) error {
	f(events)
	return nil
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	good := func() Options {
		return Options{
			Config: DefaultConfig(), PublicURL: "http://127.0.0.1:1", StateDir: t.TempDir(), Publisher: &memory{}, Zone: time.UTC,
			Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			TeamSize: func(context.Context, string) (int, error) { return 0, errors.New("unused") },
		}
	}
	for want, spoil := range map[string]func(*Options){
		"http.public_url":         func(o *Options) { o.PublicURL = "headway.example.com" },
		"needs a publisher":       func(o *Options) { o.Publisher = nil },
		"surveys.proxy.header":    func(o *Options) { o.Config.Proxy = ProxyConfig{"X-User", []string{"10.0.0.0/8"}} },
		"state directory":         func(o *Options) { o.StateDir = "" },
		"surveys.files":           func(o *Options) { o.Config.Files = []string{"/nonexistent.yaml"} },
		"surveys.threshold":       func(o *Options) { o.Config.Threshold = 3 },
		"surveys.flush_every":     func(o *Options) { o.Config.FlushEvery = "soon" },
		"surveys.secret":          func(o *Options) { o.Config.Secret = "short" },
		"surveys.proxy.trusted_c": func(o *Options) { o.Config.Proxy.TrustedCIDRs = []string{"10.0.0.0/8"}; o.Config.Proxy.Header = "" },
	} {
		o := good()
		spoil(&o)
		if want == "surveys.proxy.trusted_c" {
			want = "surveys.proxy.header"
		}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
}
