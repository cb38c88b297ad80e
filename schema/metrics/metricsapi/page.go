package metricsapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/headway-metrics/headway/schema/metrics"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// pageRows is how many rows a page lists, unless more are asked for.
const pageRows = 200

// page draws explanations for people.
type page struct {
	tmpl *template.Template
	// policy is the Content-Security-Policy: this style sheet and nothing else.
	policy string
}

func newPage() page {
	digest := sha256.Sum256([]byte(pageCSS))
	functions := template.FuncMap{
		"style": func() template.CSS { return template.CSS(pageCSS) }, //nolint:gosec // Our own file.
		"rows":  rows,
		"web":   web,
	}
	return page{
		tmpl:   template.Must(template.New("page").Funcs(functions).Parse(pageHTML)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return strconv.Itoa(n) + " rows"
}

// web is an address that a browser may open, or "".
func web(address string) string {
	if u, err := url.Parse(address); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		return address
	}
	return ""
}

// view is what the page draws: a report, or what is wrong with the question.
type view struct {
	Title string
	metrics.Report

	Fault *failure
	// More is the address of the same page with every row that can be listed, ""
	// when all are there.
	More string
	// JSON and CSV are the same explanation for programs.
	JSON, CSV string
}

// wantsPage says that a browser asks: it puts HTML first, and no format is named.
func wantsPage(r *http.Request) bool {
	if r.URL.Query().Get("format") != "" {
		return false
	}
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(accepted), ";")
		switch kind {
		case "text/html", "application/xhtml+xml":
			return true
		case "application/json", "text/csv", "*/*":
			return false
		}
	}
	return false
}

// explainPage answers a browser.
func (h *handler) explainPage(w http.ResponseWriter, r *http.Request, req metrics.Request, limit int) {
	if limit == 0 {
		limit = pageRows
	}
	report, err := h.engine.Report(r.Context(), req, limit)
	if err != nil {
		h.failPage(w, r, err)
		return
	}
	v := view{Title: report.Metric.Title, Report: report, JSON: with(r.URL, "format", "json"), CSV: with(r.URL, "format", "csv")}
	if report.Explanation.Truncated && limit < metrics.MaxExplainRows {
		v.More = with(r.URL, "limit", strconv.Itoa(metrics.MaxExplainRows))
	}
	h.draw(w, r, http.StatusOK, v)
}

func (h *handler) failPage(w http.ResponseWriter, r *http.Request, err error) {
	status, f := h.fault(r, err)
	h.draw(w, r, status, view{Title: "This cannot be explained", Fault: &f})
}

// with is the page's own address with another parameter.
func with(u *url.URL, key, value string) string {
	q := u.Query()
	q.Set(key, value)
	return (&url.URL{RawQuery: q.Encode()}).String()
}

func (h *handler) draw(w http.ResponseWriter, r *http.Request, status int, v view) {
	var b bytes.Buffer
	if err := h.page.tmpl.Execute(&b, v); err != nil {
		h.logger.ErrorContext(r.Context(), "an explanation could not be drawn", "error", fmt.Errorf("drawing the page: %w", err))
		http.Error(w, "the page could not be drawn", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", h.page.policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	h.send(w, r, status, "text/html; charset=utf-8", b.Bytes())
}

// Dimensions lists what the metric can be narrowed by, for the page.
func (v view) Dimensions() []string {
	out := make([]string, 0, len(v.Metric.Dimensions))
	for _, d := range v.Metric.Dimensions {
		out = append(out, string(d))
	}
	slices.Sort(out)
	return out
}
