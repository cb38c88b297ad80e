package surveys

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed style.css
var styleCSS string

// pages draws the portal's one template.
type pages struct {
	tmpl *template.Template
	// policy is the Content-Security-Policy: nothing but this style sheet, and
	// forms to ourselves.
	policy string
	common view
}

func newPages(organisation string, threshold int, sample bool) (*pages, error) {
	tmpl, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("reading the survey page: %w", err)
	}
	digest := sha256.Sum256([]byte(styleCSS))
	return &pages{
		tmpl: tmpl,
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		common: view{
			Organisation: organisation, Sample: sample, Threshold: threshold,
			Style: template.CSS(styleCSS), //nolint:gosec // Our own file.
		},
	}, nil
}

// view is what the template draws: one of Message, Surveys and Form.
type view struct {
	Language, Title, Organisation string
	Sample                        bool
	Threshold                     int
	Style                         template.CSS

	Message *message
	Surveys []Definition
	Form    *formView
}

// message is a page that says one thing.
type message struct {
	title string
	Lines []string
}

var (
	thanks = message{"Thank you", []string{
		"Your answers are saved. They wait until enough others have answered, or the survey ends, and then count without your name and without the time.",
		"You can close this page. If you opened it on a shared computer, close the browser too, so that nobody goes back to the form.",
	}}
	answered = message{"You have already answered", []string{
		"Your invitation to this survey has been used, so your answers are in. Thank you.",
		"They cannot be shown or changed: nothing that we store says which answers are yours.",
	}}
	expired = message{"This survey is closed", []string{
		"It takes no answers now. If you are invited to the next one, you will get a new link.",
	}}
	noneOpen = message{"No survey is open", []string{
		"There is nothing to answer at the moment. Thank you for looking.",
	}}
	badLink = message{"This link does not work", []string{
		"Part of it may be missing: some mail programs break long links in two. Copy the whole link from your invitation into the address bar.",
		"If it still does not work, ask whoever invited you for your link again. It will be the same link, so nothing is counted twice.",
	}}
	useLink = message{"Open your invitation", []string{
		"To answer a survey, open the link in the invitation that was sent to you. It knows your survey, and you need no password.",
	}}
	notFound = message{"There is no such page", []string{
		"To answer a survey, open the link in the invitation that was sent to you.",
	}}
	elsewhere = message{"Please open the survey again", []string{
		"This form did not come from the survey page, so it was not accepted and nothing was saved. Open the survey and answer it there.",
	}}
	tooLong = message{"That was too long", []string{
		"Nothing was saved. Go back, shorten your comment to 2,000 characters and send your answers again.",
	}}
	unreadable = message{"Your answers could not be read", []string{
		"Nothing was saved. Go back and send them again.",
	}}
	tooMany = message{"Too many wrong links", []string{
		"Somebody at your address tried many links that do not work. Wait a minute, then open your link again.",
	}}
	broken = message{"The survey cannot be opened now", []string{
		"Something on our side does not work. Your link stays good: please try again later.",
	}}
)

// formView is the form with what was entered and what must be mended.
type formView struct {
	Survey           Definition
	Token, FormToken string
	Closes           string
	Team             string
	Unsaved          bool
	Questions        []questionView
	Faults           []questionView
}

// questionView is one question on the page.
type questionView struct {
	Question

	Number, Total int
	Name          string
	// First is the id of the control that an error leads to.
	First       string
	DescribedBy string
	Choices     []choiceView
	// Lowest and Highest are the ends of a scale, as numbers.
	Lowest, Highest int
	Entered         string
	Fault           string
}

type choiceView struct {
	ID, Value, Label string
	Checked          bool
}

func (p *Portal) form(who respondent, sub submission) view {
	f := formView{
		Survey: who.survey, Token: who.token, FormToken: who.formToken, Team: who.team, Unsaved: sub.unsaved,
		// The last day on which answers are taken.
		Closes: who.wave.Closes.In(p.opts.Zone).AddDate(0, 0, -1).Format("2 January 2006"),
	}
	for i, q := range who.survey.Questions {
		v := viewQuestion(q, sub)
		v.Number, v.Total = i+1, len(who.survey.Questions)
		f.Questions = append(f.Questions, v)
		if v.Fault != "" {
			f.Faults = append(f.Faults, v)
		}
	}
	title := who.survey.Title
	switch n := len(f.Faults); {
	case f.Unsaved:
		title = "Not saved yet: " + title
	case n == 1:
		title = "1 answer to mend: " + title
	case n > 1:
		title = strconv.Itoa(n) + " answers to mend: " + title
	}
	return view{Language: who.survey.Language, Title: title, Form: &f}
}

func viewQuestion(q Question, sub submission) questionView {
	v := questionView{Question: q, Name: fieldName(q), Entered: sub.entered[q.ID], Fault: sub.faults[q.ID]}
	v.First = v.Name
	var described []string
	if q.Help != "" {
		described = append(described, v.Name+"-help")
	}
	if q.Low != "" {
		described = append(described, v.Name+"-ends")
	}
	if v.Fault != "" {
		described = append(described, v.Name+"-fault")
	}
	v.DescribedBy = strings.Join(described, " ")
	var steps bool
	if v.Lowest, v.Highest, steps = q.scale(); !steps {
		return v
	}
	for i, c := range q.choices() {
		label := c
		if q.Kind == KindCSAT {
			label = q.Labels[i]
		}
		v.Choices = append(v.Choices, choiceView{ID: v.Name + "-" + c, Value: c, Label: label, Checked: v.Entered == c})
	}
	v.First = v.Choices[0].ID
	return v
}

func (p *Portal) say(w http.ResponseWriter, r *http.Request, status int, m message) {
	p.write(w, r, status, view{Language: "en", Title: m.title, Message: &m})
}

// write draws a page whole before it sends any of it.
func (p *Portal) write(w http.ResponseWriter, r *http.Request, status int, v view) {
	c := p.pages.common
	v.Organisation, v.Sample, v.Threshold, v.Style = c.Organisation, c.Sample, c.Threshold, c.Style
	var b bytes.Buffer
	if err := p.pages.tmpl.Execute(&b, v); err != nil {
		p.opts.Logger.ErrorContext(r.Context(), "a survey page could not be drawn", "error", err)
		http.Error(w, "the page could not be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write(b.Bytes()); err != nil {
		p.opts.Logger.DebugContext(r.Context(), "a survey page was not read to its end", "error", err)
	}
}
