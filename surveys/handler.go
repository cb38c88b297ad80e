package surveys

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
)

// A full comment in any script, escaped, and the other fields fit well.
const maxForm = 64 << 10

func (p *Portal) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /survey", p.landing)
	mux.HandleFunc("GET /survey/{$}", p.landing)
	mux.HandleFunc("GET /survey/i/{token}", p.askByLink)
	mux.HandleFunc("GET /survey/s/{survey}", p.askSignedIn)
	mux.HandleFunc("POST /survey/answer", p.answer)
	mux.HandleFunc("GET /survey/thanks", func(w http.ResponseWriter, r *http.Request) { p.say(w, r, http.StatusOK, thanks) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { p.say(w, r, http.StatusNotFound, notFound) })
	return mux
}

// ServeHTTP serves the pages below /survey. It sets no cookie and logs neither
// paths nor addresses.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.pages.policy)
	h.Set("Cache-Control", "no-store")
	// A link must not reach another site, nor a log by way of a Referer header.
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	p.mux.ServeHTTP(w, r)
}

// landing lists the open surveys to those who are signed in, and tells others
// to use their link.
func (p *Portal) landing(w http.ResponseWriter, r *http.Request) {
	if p.person(r) == "" {
		p.say(w, r, http.StatusOK, useLink)
		return
	}
	var open []Definition
	for _, d := range p.surveys {
		if now := p.opts.Now(); d.WaveAt(now, p.opts.Zone).Open(now) {
			open = append(open, d)
		}
	}
	if len(open) == 0 {
		p.say(w, r, http.StatusOK, noneOpen)
		return
	}
	p.write(w, r, http.StatusOK, view{Language: "en", Title: "Surveys", Surveys: open})
}

// askByLink shows the form. Opening it changes nothing, so that a mail program
// that looks at links does not use one up.
func (p *Portal) askByLink(w http.ResponseWriter, r *http.Request) {
	if who, ok := p.byLink(w, r, r.PathValue("token")); ok {
		p.ask(w, r, who)
	}
}

func (p *Portal) askSignedIn(w http.ResponseWriter, r *http.Request) {
	if who, ok := p.bySignIn(w, r, r.PathValue("survey")); ok {
		p.ask(w, r, who)
	}
}

func (p *Portal) ask(w http.ResponseWriter, r *http.Request, who respondent) {
	st, err := p.store.read()
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if st.answered(who) {
		p.say(w, r, http.StatusConflict, answered)
		return
	}
	p.write(w, r, http.StatusOK, p.form(who, submission{}))
}

// answer takes a form. It answers with a redirect only when the answers are on
// the disk.
func (p *Portal) answer(w http.ResponseWriter, r *http.Request) {
	// Browsers say when a form was sent from elsewhere. The token in the form
	// decides; this turns such a request away before anything is read.
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		p.say(w, r, http.StatusForbidden, elsewhere)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			p.say(w, r, http.StatusRequestEntityTooLarge, tooLong)
			return
		}
		p.say(w, r, http.StatusBadRequest, unreadable)
		return
	}
	who, ok := p.sender(w, r)
	if !ok {
		return
	}
	sub := readSubmission(who.survey, r.PostForm)
	if len(sub.faults) > 0 {
		p.write(w, r, http.StatusUnprocessableEntity, p.form(who, sub))
		return
	}
	err := p.store.change(func(st *state) error { return st.accept(who, sub, p.opts.Now()) })
	switch {
	case errors.Is(err, errAnswered):
		p.say(w, r, http.StatusConflict, answered)
	case err != nil:
		// The entered values stay on the page, so that sending again is one step.
		p.opts.Logger.ErrorContext(r.Context(), "saving a survey answer failed", "error", err)
		sub.unsaved = true
		p.write(w, r, http.StatusServiceUnavailable, p.form(who, sub))
	default:
		http.Redirect(w, r, "/survey/thanks", http.StatusSeeOther)
	}
}

// sender finds out who sends a form, and answers the request itself when
// nobody does.
func (p *Portal) sender(w http.ResponseWriter, r *http.Request) (respondent, bool) {
	if token := r.PostForm.Get("token"); token != "" {
		return p.byLink(w, r, token)
	}
	who, ok := p.bySignIn(w, r, r.PostForm.Get("survey"))
	if ok && !constantTimeEqual(r.PostForm.Get("form"), who.formToken) {
		p.say(w, r, http.StatusForbidden, elsewhere)
		return respondent{}, false
	}
	return who, ok
}

// respondent is somebody who may answer one wave of a survey. It says where the
// answer counts and how to refuse a second one, not who it is.
type respondent struct {
	survey Definition
	wave   Wave
	team   string
	mark   string
	// token or formToken goes into the form, by which way the person came.
	token, formToken string
}

// byLink reads a link's token, and answers the request itself when the link is
// of no use.
func (p *Portal) byLink(w http.ResponseWriter, r *http.Request, token string) (respondent, bool) {
	from := p.address(r)
	if !p.guesses.allowed(from) {
		w.Header().Set("Retry-After", "60")
		p.say(w, r, http.StatusTooManyRequests, tooMany)
		return respondent{}, false
	}
	now := p.opts.Now()
	l, err := p.keys.open(token, now)
	if errors.Is(err, errToken) {
		p.guesses.wrong(from)
		p.say(w, r, http.StatusNotFound, badLink)
		return respondent{}, false
	}
	d, known := p.survey(l.survey)
	wave := d.WaveAt(now, p.opts.Zone)
	if err != nil || !known || wave.Name != l.wave || !wave.Open(now) {
		p.say(w, r, http.StatusGone, expired)
		return respondent{}, false
	}
	team, err := p.countedTeam(r, l.team, true)
	if err != nil {
		p.fail(w, r, err)
		return respondent{}, false
	}
	return respondent{
		survey: d, wave: wave, team: team, token: token,
		mark: p.keys.spentMark(d.ID, wave.Name, l.nonce),
	}, true
}

// bySignIn believes a trusted proxy, and answers the request itself when there
// is none or the survey is not open.
func (p *Portal) bySignIn(w http.ResponseWriter, r *http.Request, survey string) (respondent, bool) {
	person := p.person(r)
	if person == "" {
		p.say(w, r, http.StatusForbidden, useLink)
		return respondent{}, false
	}
	d, known := p.survey(survey)
	if !known {
		p.say(w, r, http.StatusNotFound, notFound)
		return respondent{}, false
	}
	now := p.opts.Now()
	wave := d.WaveAt(now, p.opts.Zone)
	if !wave.Open(now) {
		p.say(w, r, http.StatusGone, expired)
		return respondent{}, false
	}
	team, err := p.opts.TeamOf(r.Context(), person)
	if err == nil {
		team, err = p.countedTeam(r, team, false)
	}
	if err != nil {
		p.fail(w, r, err)
		return respondent{}, false
	}
	nonce := p.keys.nonceOf(d.ID, wave.Name, person)
	return respondent{
		survey: d, wave: wave, team: team,
		mark:      p.keys.spentMark(d.ID, wave.Name, nonce),
		formToken: p.keys.formToken(d.ID, wave.Name, nonce),
	}, true
}

// countedTeam is the team under which an answer counts: "" below the threshold
// (invariant 8). A team that the catalogue does not know is believed only when
// an invitation, which has checked its size, names it.
func (p *Portal) countedTeam(r *http.Request, team string, invited bool) (string, error) {
	if team == "" {
		return "", nil
	}
	size, err := p.opts.TeamSize(r.Context(), team)
	if err != nil {
		return "", err
	}
	if size >= p.opts.Config.Threshold || invited && size == 0 {
		return team, nil
	}
	return "", nil
}

// person is whom a trusted proxy has signed in, or "". A header that is there
// twice may come from the client, and is not believed.
func (p *Portal) person(r *http.Request) string {
	header := p.opts.Config.Proxy.Header
	if header == "" || !p.trusted(remote(r)) {
		return ""
	}
	if v := r.Header.Values(header); len(v) == 1 {
		return normalPerson(v[0])
	}
	return ""
}

func (p *Portal) trusted(a netip.Addr) bool {
	for _, prefix := range p.proxies {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

func remote(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// address is the client's: behind a trusted proxy the last one it did not make
// up itself.
func (p *Portal) address(r *http.Request) netip.Addr {
	a := remote(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trusted(a); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		a = hop.Unmap()
	}
	return a
}

// fail says that something of ours does not work. The error is logged; it names
// no person, as no lookup of ours may put one into its errors.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	p.opts.Logger.ErrorContext(r.Context(), "a survey page could not be made", "error", err)
	p.say(w, r, http.StatusServiceUnavailable, broken)
}
