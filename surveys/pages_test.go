package surveys

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// element is a start tag of a page, and the text inside it.
type element struct {
	tag   string
	attrs map[string]string
	text  string
	// within are the tags around it, outermost first.
	within []string
}

// parsePage reads a page of ours, which is well formed but for void elements.
func parsePage(t *testing.T, page string) []*element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all, open []*element
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(open) != 0 {
				t.Errorf("<%s> is not closed", open[len(open)-1].tag)
			}
			return all
		}
		if err != nil {
			t.Fatalf("reading the page: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element{tag: tok.Name.Local, attrs: map[string]string{}}
			for _, o := range open {
				e.within = append(e.within, o.tag)
			}
			for _, a := range tok.Attr {
				if _, twice := e.attrs[a.Name.Local]; twice {
					t.Errorf("<%s> has %s twice", e.tag, a.Name.Local)
				}
				e.attrs[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, o := range open {
				o.text += string(tok)
			}
		}
	}
}

func everyPage(t *testing.T) map[string]string {
	t.Helper()
	o := newOffice(t, func(o *Options) {
		o.Sample = true
		o.Config.Proxy = ProxyConfig{Header: "X-User", TrustedCIDRs: []string{"192.0.2.0/24"}}
	})
	path := o.link(t, "ada@example.com", "payments")
	noTeam := o.link(t, "eve@example.com", "tiny")
	empty := url.Values{"token": filled(path)["token"]}
	one := filled(path)
	one.Del("q-recommend")
	signedIn := func(r *http.Request) { r.Header.Set("X-User", "bob@payments.example.com") }
	pages := map[string]string{
		"form":      o.get(path).Body.String(),
		"no team":   o.get(noTeam).Body.String(),
		"all wrong": o.post(empty).Body.String(),
		"one wrong": o.post(one).Body.String(),
		"signed in": o.get("/survey/s/platform", signedIn).Body.String(),
		"list":      o.get("/survey", signedIn).Body.String(),
		"use link":  o.get("/survey").Body.String(),
		"thanks":    o.get("/survey/thanks").Body.String(),
		"bad link":  o.get("/survey/i/x").Body.String(),
		"not found": o.get("/survey/nowhere").Body.String(),
	}
	o.mustAnswer(t, filled(path))
	pages["answered"] = o.get(path).Body.String()
	for name, p := range pages {
		if !strings.Contains(p, "Sample data.") {
			t.Errorf("%s is not marked as sample data", name)
		}
	}
	return pages
}

// TestAccessibility checks on every page what WCAG 2.2 AA asks and a parser can
// see; the numbers are those of its success criteria.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	for name, page := range everyPage(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := parsePage(t, page)
			byTag := map[string][]*element{}
			ids := map[string]*element{}
			for _, e := range all {
				byTag[e.tag] = append(byTag[e.tag], e)
				if id := e.attrs["id"]; id != "" {
					if ids[id] != nil {
						t.Errorf("the id %q is there twice", id)
					}
					ids[id] = e
				}
			}
			if len(byTag["html"]) != 1 || byTag["html"][0].attrs["lang"] != "en" {
				t.Error("3.1.1: the page has no language")
			}
			if len(byTag["title"]) != 1 || strings.TrimSpace(byTag["title"][0].text) == "" {
				t.Error("2.4.2: the page has no title")
			}
			if len(byTag["h1"]) != 1 || len(byTag["main"]) != 1 {
				t.Errorf("1.3.1: %d h1 and %d main, want one each", len(byTag["h1"]), len(byTag["main"]))
			}
			for _, tag := range []string{"script", "img", "iframe", "object", "link"} {
				if len(byTag[tag]) != 0 {
					t.Errorf("the page has a <%s>", tag)
				}
			}
			for _, e := range all {
				for _, key := range []string{"aria-describedby", "aria-labelledby"} {
					for id := range strings.FieldsSeq(e.attrs[key]) {
						if ids[id] == nil || strings.TrimSpace(ids[id].text) == "" {
							t.Errorf("1.3.1: %s of <%s> leads to no text: %q", key, e.tag, id)
						}
					}
				}
				for key := range e.attrs {
					if strings.HasPrefix(key, "on") || key == "style" || key == "accesskey" {
						t.Errorf("<%s> has %s", e.tag, key)
					}
				}
				if n, err := strconv.Atoi(e.attrs["tabindex"]); err == nil && n > 0 {
					t.Errorf("2.4.3: <%s> changes the order of focus", e.tag)
				}
				if href := e.attrs["href"]; strings.HasPrefix(href, "#") && ids[href[1:]] == nil {
					t.Errorf("2.4.1: the link to %s leads nowhere", href)
				}
			}
			checkControls(t, byTag, ids)
		})
	}
}

func checkControls(t *testing.T, byTag map[string][]*element, ids map[string]*element) {
	t.Helper()
	labelled := map[string]string{}
	for _, l := range byTag["label"] {
		labelled[l.attrs["for"]] = strings.TrimSpace(l.text)
	}
	for _, e := range slices.Concat(byTag["input"], byTag["textarea"]) {
		if e.attrs["type"] == "hidden" {
			continue
		}
		if labelled[e.attrs["id"]] == "" {
			t.Errorf("3.3.2: %s has no label", e.attrs["name"])
		}
		if e.attrs["type"] == "radio" && !slices.Contains(e.within, "fieldset") {
			t.Errorf("1.3.1: %s is in no fieldset", e.attrs["id"])
		}
	}
	for _, f := range byTag["fieldset"] {
		if legend := ids[f.attrs["aria-labelledby"]]; legend == nil || legend.tag != "legend" {
			t.Error("1.3.1: a fieldset is not named by its legend")
		}
	}
	for id := range ids {
		question, ok := strings.CutSuffix(id, "-fault")
		if !ok {
			continue
		}
		described := false
		for _, e := range slices.Concat(byTag["fieldset"], byTag["input"], byTag["textarea"]) {
			described = described || e.attrs["aria-invalid"] == "true" && slices.Contains(strings.Fields(e.attrs["aria-describedby"]), id)
		}
		if !described {
			t.Errorf("3.3.1: nothing is described by %s", id)
		}
		linked := false
		for _, a := range byTag["a"] {
			linked = linked || strings.HasPrefix(a.attrs["href"], "#"+question)
		}
		if !linked || ids["summary"] == nil {
			t.Errorf("3.3.1: the summary has no link to %s", question)
		}
	}
}

var (
	variable = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	size     = regexp.MustCompile(`(?m)^\.choices(\.numbers)? label \{[^}]*min-height: ([0-9.]+)rem`)
)

// TestContrast computes WCAG contrast from the variables of both schemes: 4.5
// for text (1.4.3), 3 for borders of controls and the focus ring (1.4.11).
func TestContrast(t *testing.T) {
	t.Parallel()
	light := map[string]string{}
	before, after, _ := strings.Cut(styleCSS, "prefers-color-scheme: dark")
	for _, m := range variable.FindAllStringSubmatch(before, -1) {
		light[m[1]] = m[2]
	}
	dark := maps.Clone(light)
	for _, m := range variable.FindAllStringSubmatch(after, -1) {
		dark[m[1]] = m[2]
	}
	pairs := []struct {
		front, back string
		least       float64
	}{
		{"text", "ground", 4.5},
		{"text", "surface", 4.5},
		{"text", "tint", 4.5},
		{"text", "fault-tint", 4.5},
		{"soft", "ground", 4.5},
		{"soft", "surface", 4.5},
		{"soft", "tint", 4.5},
		{"accent", "surface", 4.5},
		{"accent", "tint", 4.5},
		{"accent-text", "accent", 4.5},
		{"fault", "surface", 4.5},
		{"fault", "fault-tint", 4.5},
		{"notice-text", "notice", 4.5},
		{"edge", "surface", 3},
		{"edge", "ground", 3},
		{"accent", "ground", 3},
		{"fault", "ground", 3},
		{"focus", "surface", 3},
		{"focus", "ground", 3},
		{"focus", "tint", 3},
		{"focus", "fault-tint", 3},
	}
	for scheme, v := range map[string]map[string]string{"light": light, "dark": dark} {
		if len(v) < 14 {
			t.Errorf("%s: only %d variables found", scheme, len(v))
		}
		for _, p := range pairs {
			if got := contrast(t, v[p.front], v[p.back]); got < p.least {
				t.Errorf("%s: %s on %s has %.2f, want %.1f", scheme, p.front, p.back, got, p.least)
			}
		}
	}
	if maps.Equal(light, dark) {
		t.Error("the dark scheme is the light one")
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	var out float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		out += weight * c
	}
	return out
}

// TestTargetsAndFocus holds 2.5.8 (targets of 24 CSS pixels; 44 here, for
// comfort) and 2.4.7 (a visible focus) in the style sheet.
func TestTargetsAndFocus(t *testing.T) {
	t.Parallel()
	sizes := size.FindAllStringSubmatch(styleCSS, -1)
	if len(sizes) != 2 {
		t.Fatalf("found %d sizes of choices, want 2", len(sizes))
	}
	for _, m := range sizes {
		if rem, err := strconv.ParseFloat(m[2], 64); err != nil || rem*16 < 44 {
			t.Errorf("a choice is %s rem high", m[2])
		}
	}
	for _, want := range []string{":focus-visible { outline: 3px", "label:has(:focus-visible) { outline: 3px", "forced-colors: active", "prefers-reduced-motion"} {
		if !strings.Contains(styleCSS, want) {
			t.Errorf("the style sheet lacks %q", want)
		}
	}
}

// TestStyleIsAllowed holds the style sheet and its hash in the policy together.
func TestStyleIsAllowed(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	if w := o.get("/survey"); !strings.Contains(w.Body.String(), "<style>"+styleCSS+"</style>") {
		t.Error("the style sheet is not on the page as it was hashed")
	}
}
