package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/headway-metrics/headway/internal/sample"
)

// Mixes of events.
const (
	// MixGitHub is signed GitHub webhooks only, one event a request.
	MixGitHub = "github"
	// MixMixed is what a company of 10,000 developers sends by number: 100
	// million job events a year from its build systems, in batches, beside 9
	// million webhooks of pushes and pull requests (6 million commits pushed two
	// at a time, four events for each of 1.5 million requests).
	MixMixed = "mixed"
)

// webhookShare is the part of webhooks among the events of MixMixed, 9 in 109.
const webhookShare = 9.0 / 109

// Numbers of different payloads that are sent; they are made beforehand.
const (
	distinctWebhooks = 2000
	distinctBatches  = 64
)

// shipment is one request: a header and a body with places for the numbers that
// make its events new ones.
type shipment struct {
	path   string
	header http.Header
	body   []byte
	events int
	// at are where in the body event i has its number: 16 digits each, places a
	// event.
	at []int
}

// placesPerEvent are the ids of the CloudEvent, of the CDEvent and of its subject.
const placesPerEvent = 3

// number writes the numbers from n on into a copy of the body, which buf may hold.
func (s *shipment) number(buf []byte, n int64) []byte {
	if len(s.at) == 0 {
		return s.body
	}
	buf = append(buf[:0], s.body...)
	for i, at := range s.at {
		digits(buf[at:at+16], n+int64(i/placesPerEvent))
	}
	return buf
}

// digits writes n in hexadecimal.
func digits(to []byte, n int64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// payloads are the shipments of a mix.
type payloads struct {
	webhooks, batches []*shipment
	// share of webhooks among the events.
	share float64
}

// newPayloads makes the payloads of a mix; batch is how many events a request to
// /v1/events carries.
func newPayloads(mix string, batch int) (*payloads, error) {
	if batch < 1 {
		return nil, fmt.Errorf("a batch has at least one event, not %d", batch)
	}
	h := sample.Generate(1, time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC))
	p := &payloads{share: 1}
	kinds := []string{"push", "pull_request", "pull_request_review"}
	switch mix {
	case MixGitHub:
		kinds = nil
	case MixMixed:
		p.share = webhookShare
		dice := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // The same payloads every time.
		for range distinctBatches {
			p.batches = append(p.batches, jobs(dice, batch))
		}
	default:
		return nil, fmt.Errorf("the mix %q is unknown; use %s or %s", mix, MixMixed, MixGitHub)
	}
	for _, d := range h.Deliveries() {
		if d.Kind != "github" || kinds != nil && !slices.Contains(kinds, d.Header.Get("X-GitHub-Event")) {
			continue
		}
		if p.webhooks = append(p.webhooks, webhook(d)); len(p.webhooks) == distinctWebhooks {
			return p, nil
		}
	}
	return nil, errors.New("the sample organisation has too few webhooks")
}

// webhook signs a delivery. The signature is of the body alone, so it serves
// every time that the body is sent.
func webhook(d sample.Delivery) *shipment {
	s := &shipment{path: d.Path, header: d.Header.Clone(), body: d.Body(), events: 1}
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	_, _ = mac.Write(s.body) // A hash never fails.
	s.header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	s.header.Set("Content-Type", "application/json")
	s.header.Del("X-GitHub-Delivery")
	return s
}

// jobs makes a batch of CDEvents of pipeline runs, after the CDEvents
// specification (continuous integration, v0.4) in the CloudEvents batch format, with the
// sender's own data of each step beside. Every event is of a run of its own, so
// that none is saved by being replaced within its batch.
func jobs(dice *rand.Rand, n int) *shipment {
	const place = "@@@@@@@@@@@@@@@@"
	var b strings.Builder
	for i := range n {
		b.WriteString(map[bool]string{true: "[", false: ","}[i == 0])
		job(&b, dice, place)
	}
	b.WriteString("]")
	text := b.String()
	s := &shipment{path: "/v1/events", body: []byte(text), events: n, header: http.Header{
		"Content-Type": {"application/cloudevents-batch+json"}, "Authorization": {"Bearer " + apiToken},
	}}
	for at := strings.Index(text, place); at >= 0; {
		s.at = append(s.at, at)
		next := strings.Index(text[at+len(place):], place)
		if next < 0 {
			break
		}
		at += len(place) + next
	}
	return s
}

// job writes one event of 1 to 2 KB.
func job(b *strings.Builder, dice *rand.Rand, id string) {
	predicate, outcome := "started", ""
	if dice.IntN(2) == 0 {
		predicate, outcome = "finished", `"outcome":"success","errors":"",`
	}
	repo := fmt.Sprintf("acme/service-%d", dice.IntN(5000))
	at := time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC).Add(-time.Duration(dice.IntN(90*24*3600)) * time.Second).Format(time.RFC3339)
	source := fmt.Sprintf("https://ci.acme.example/region-%d/%s", dice.IntN(4), repo)
	kind := "dev.cdevents.pipelinerun." + predicate + ".0.2.0"
	fmt.Fprintf(b, `{"specversion":"1.0","id":"%s","source":"%s","type":"%s","subject":"runs","time":"%s","datacontenttype":"application/json","data":`, id, source, kind, at)
	fmt.Fprintf(b, `{"context":{"version":"0.4.1","id":"%s","source":"%s","type":"%s","timestamp":"%s"},`, id, source, kind, at)
	fmt.Fprintf(b, `"subject":{"id":"run/%s","source":"%s","type":"pipelineRun","content":{"pipelineName":"build-and-test",%s"url":"%s/runs/%d"}},`, id, source, outcome, source, dice.Int64())
	fmt.Fprintf(b, `"customDataContentType":"application/json","customData":{"headway":{"repository":"https://github.com/%s","commit":"%040x","started_at":"%s"},"runner":{"name":"runner-%d","labels":["linux","x64","large"],"region":"eu-central-1"},"steps":[`,
		repo, dice.Int64(), at, dice.IntN(900))
	for i := range 2 + dice.IntN(8) {
		fmt.Fprintf(b, `%s{"name":"step %d of the pipeline","status":"completed","conclusion":"success","number":%d,"started_at":"%s","completed_at":"%s"}`,
			map[bool]string{true: "", false: ","}[i == 0], i, i, at, at)
	}
	b.WriteString(`]}}}`)
}
