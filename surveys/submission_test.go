package surveys

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestReadAnswers(t *testing.T) {
	t.Parallel()
	nps := Question{Kind: KindNPS}
	csat := Question{Kind: KindCSAT}
	share := Question{Kind: KindShare}
	ces := Question{Kind: KindCES}
	enps := Question{Kind: KindENPS}
	for _, c := range []struct {
		q     Question
		raw   string
		score float64
		fault string
	}{
		{nps, "0", 0, ""},
		{nps, "10", 10, ""},
		{nps, "11", 0, "Choose"},
		{nps, "-1", 0, "Choose"},
		{nps, "007", 0, "Choose"},
		{nps, "7.5", 0, "Choose"},
		{csat, "1", 1, ""},
		{csat, "5", 5, ""},
		{csat, "0", 0, "Choose"},
		{csat, "6", 0, "Choose"},
		{ces, "1", 1, ""},
		{ces, "7", 7, ""},
		{ces, "0", 0, "Choose"},
		{ces, "8", 0, "Choose"},
		{enps, "0", 0, ""},
		{enps, "11", 0, "Choose"},
		{share, "0", 0, ""},
		{share, "100", 1, ""},
		{share, "25 %", .25, ""},
		{share, "12,4", .12, ""},
		{share, "33.3333", .33, ""},
		{share, "101", 0, "percentage"},
		{share, "-1", 0, "percentage"},
		{share, "NaN", 0, "percentage"},
		{share, "Inf", 0, "percentage"},
		{share, "1e99", 0, "percentage"},
		{share, "half", 0, "percentage"},
	} {
		got, fault := c.q.read(c.raw)
		if (fault != "") != (c.fault != "") || !strings.Contains(fault, c.fault) {
			t.Errorf("%s %q: fault %q, want %q", c.q.Kind, c.raw, fault, c.fault)
		} else if fault == "" && *got.score != c.score {
			t.Errorf("%s %q: %g, want %g", c.q.Kind, c.raw, *got.score, c.score)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  a\r\nb  ":            "a\nb",
		"a\x00b\x1b[31m":        "ab[31m",
		"\u202Eevil":            "evil",
		"bad \xff byte":         "bad \uFFFD byte",
		"👩\u200d💻":              "👩\u200d💻",
		"zero\u200bwidth\ufeff": "zerowidth",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzForm takes any body: what is understood is an event that the other end
// reads, and what is not is shown again or is a fault.
func FuzzForm(f *testing.F) {
	d, err := Platform()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		filled("").Encode(), "", "q-recommend=11", "q-recommend=%00&q-comment=%ff%fe", "q-infrastructure=1e400", "q-comment=" + strings.Repeat("%F0%9F%98%80", 600),
		"q-infrastructure=0x1p-2", "q-infrastructure=+5_0", "%zz",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		sub := readSubmission(d, form)
		who := respondent{survey: d, wave: d.WaveAt(midNovember, midNovember.Location()), team: "payments", mark: "m"}
		st := state{Spent: map[string]spent{}}
		if err := st.accept(who, sub, midNovember); err != nil {
			t.Fatal(err)
		}
		for _, h := range st.Held {
			ev, err := h.event(midNovember)
			if err != nil {
				t.Fatal(err)
			}
			if err := ev.Validate(); err != nil {
				t.Fatal(err)
			}
			if h.Answer == nil {
				_, err = Participations{}.Normalize(ev)
			} else {
				_, err = Answers{}.Normalize(ev)
				if !utf8.ValidString(h.Answer.Text) || h.Answer.Kind == KindComment && h.Answer.Team != "" {
					t.Errorf("answer %+v", h.Answer)
				}
			}
			if err != nil {
				t.Errorf("%s: %v", ev.Data, err)
			}
		}
		if answered := len(st.Held) - 1; answered+len(sub.faults) < 3 {
			t.Errorf("%d answers and %d faults", answered, len(sub.faults))
		}
	})
}
