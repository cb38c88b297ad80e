package surveys

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func proxied(o *Options) {
	o.Config.Proxy = ProxyConfig{Header: "X-User", TrustedCIDRs: []string{"192.0.2.0/24", "2001:db8::/32"}}
}

func as(person string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("X-User", person) }
}

var hidden = regexp.MustCompile(`name="form" value="([0-9a-f]+)"`)

// signedInForm opens the form and fills it.
func (o office) signedInForm(t *testing.T, person string) url.Values {
	t.Helper()
	w := o.get("/survey/s/platform", as(person))
	m := hidden.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil {
		t.Fatalf("form: %d\n%s", w.Code, w.Body)
	}
	form := filled("")
	form.Del("token")
	form.Set("survey", "platform")
	form.Set("form", m[1])
	return form
}

func TestAnswerSignedIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t, proxied)
	const ada = "ada@payments.example.com"
	form := o.signedInForm(t, ada)
	for name, change := range map[string]func(url.Values){
		"without the token": func(f url.Values) { f.Del("form") },
		"somebody else's":   func(f url.Values) { f.Set("form", o.signedInForm(t, "eve@payments.example.com").Get("form")) },
	} {
		spoilt, err := url.ParseQuery(form.Encode())
		if err != nil {
			t.Fatal(err)
		}
		change(spoilt)
		if w := o.post(spoilt, as(ada)); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", name, w.Code)
		}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		from := func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) }
		if w := o.post(form, as(ada), from); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", site, w.Code)
		}
	}
	if w := o.post(form, as(" ADA@payments.example.com")); w.Code != http.StatusSeeOther {
		t.Fatalf("%d\n%s", w.Code, w.Body)
	}
	if w := o.post(form, as(ada)); w.Code != http.StatusConflict {
		t.Errorf("again: %d, want 409", w.Code)
	}
	// The same person cannot come by an invitation too.
	if w := o.post(filled(o.link(t, ada, "payments"))); w.Code != http.StatusConflict {
		t.Errorf("by link: %d, want 409", w.Code)
	}
}

func TestHeaderIsBelievedOnlyFromTheProxy(t *testing.T) {
	t.Parallel()
	o := newOffice(t, proxied)
	from := func(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }
	twice := func(r *http.Request) { r.Header.Add("X-User", "eve@payments.example.com") }
	for _, c := range []struct {
		name   string
		change []func(*http.Request)
		want   int
	}{
		{"proxy", []func(*http.Request){as("ada@payments.example.com")}, 200},
		{"proxy over IPv6", []func(*http.Request){as("ada@payments.example.com"), from("[2001:db8::1]:1")}, 200},
		{"mapped address", []func(*http.Request){as("ada@payments.example.com"), from("[::ffff:192.0.2.9]:1")}, 200},
		{"elsewhere", []func(*http.Request){as("ada@payments.example.com"), from("203.0.113.5:1")}, 403},
		{"no address", []func(*http.Request){as("ada@payments.example.com"), from("@")}, 403},
		{"two headers", []func(*http.Request){as("ada@payments.example.com"), twice}, 403},
		{"no header", nil, 403},
		{"empty header", []func(*http.Request){as("  ")}, 403},
	} {
		if w := o.get("/survey/s/platform", c.change...); w.Code != c.want {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.want)
		}
	}
	if w := newOffice(t, nil).get("/survey/s/platform", as("ada@payments.example.com")); w.Code != http.StatusForbidden {
		t.Errorf("without a proxy: %d, want 403", w.Code)
	}
	if w := o.get("/survey/s/none", as("ada@payments.example.com")); w.Code != http.StatusNotFound {
		t.Errorf("an unknown survey: %d, want 404", w.Code)
	}
}

func TestSmallTeamIsForgottenAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t, proxied)
	answer := func(form url.Values, change ...func(*http.Request)) {
		t.Helper()
		if w := o.post(form, change...); w.Code != http.StatusSeeOther {
			t.Fatalf("%d\n%s", w.Code, w.Body)
		}
	}
	answer(o.signedInForm(t, "tim@tiny.example.com"), as("tim@tiny.example.com"))
	answer(o.signedInForm(t, "una@unknown.example.com"), as("una@unknown.example.com"))
	path := o.link(t, "ada@example.com", "payments")
	o.sizes["payments"] = 3 // The team has shrunk since.
	answer(filled(path))
	st, err := o.store.read()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range st.Held {
		if h.team() != "" {
			t.Errorf("team %q is kept", h.team())
		}
	}
}

func TestLookupsThatFail(t *testing.T) {
	t.Parallel()
	o := newOffice(t, proxied)
	path := o.link(t, "ada@example.com", "payments")
	o.opts.TeamSize = func(context.Context, string) (int, error) { return 0, errors.New("down") }
	for name, w := range map[string]*httptest.ResponseRecorder{
		"link": o.get(path), "answer": o.post(filled(path)), "proxy": o.get("/survey/s/platform", as("ada@payments.example.com")),
	} {
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "try again later") {
			t.Errorf("%s: %d, want 503", name, w.Code)
		}
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	o := newOffice(t, proxied)
	for _, c := range []struct{ remote, forwarded, want string }{
		{"203.0.113.5:1", "198.51.100.1", "203.0.113.5"},
		{"192.0.2.1:1", "198.51.100.1", "198.51.100.1"},
		{"192.0.2.1:1", "6.6.6.6, 198.51.100.1, 192.0.2.2", "198.51.100.1"},
		{"192.0.2.1:1", "", "192.0.2.1"},
		{"192.0.2.1:1", "made up", "192.0.2.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/survey", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if got := o.address(r).String(); got != c.want {
			t.Errorf("%s for %q is %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

func TestLandingListsOpenSurveys(t *testing.T) {
	t.Parallel()
	o := newOffice(t, proxied)
	if w := o.get("/survey"); !strings.Contains(w.Body.String(), "Open your invitation") {
		t.Errorf("not signed in: %d", w.Code)
	}
	if w := o.get("/survey/", as("ada@payments.example.com")); !strings.Contains(w.Body.String(), `href="/survey/s/platform"`) {
		t.Errorf("signed in: %d", w.Code)
	}
	o.surveys[0].OpenForDays = 10
	if w := o.get("/survey", as("ada@payments.example.com")); !strings.Contains(w.Body.String(), "No survey is open") {
		t.Errorf("between waves: %d", w.Code)
	}
	if w := o.get("/survey/s/platform", as("ada@payments.example.com")); w.Code != http.StatusGone {
		t.Errorf("a closed survey: %d, want 410", w.Code)
	}
}

func TestGuessersAreBounded(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	for i := range maxGuessers + 100 {
		r := httptest.NewRequest(http.MethodGet, "/survey", nil)
		r.RemoteAddr = "10." + strings.Join([]string{strconv.Itoa(i >> 16), strconv.Itoa(i >> 8 & 255), strconv.Itoa(i & 255)}, ".") + ":1"
		o.guesses.wrong(o.address(r))
	}
	if n := len(o.guesses.by); n > maxGuessers {
		t.Errorf("%d addresses are kept, want at most %d", n, maxGuessers)
	}
}
