package sample

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/headway-metrics/headway/internal/secret"
)

// Secrets sign what each sender sends; they are those of Headway's configuration.
type Secrets struct {
	GitHub, PagerDuty, Jira, Backstage, API secret.String
}

// sign adds the sender's own signature to a delivery's header.
func (s Secrets) sign(d Delivery, body []byte) http.Header {
	h := d.Header.Clone()
	h.Set("Content-Type", "application/json")
	mac := func(key secret.String) string {
		m := hmac.New(sha256.New, []byte(key.Reveal()))
		_, _ = m.Write(body) // A hash never fails.
		return hex.EncodeToString(m.Sum(nil))
	}
	switch d.Kind {
	case "github":
		h.Set("X-Hub-Signature-256", "sha256="+mac(s.GitHub))
	case "pagerduty":
		h.Set("X-PagerDuty-Signature", "v1="+mac(s.PagerDuty))
	case "jira":
		h.Set("X-Hub-Signature", "sha256="+mac(s.Jira))
	case "backstage":
		h.Set("Authorization", "Bearer "+s.Backstage.Reveal())
	case "api":
		h.Set("Authorization", "Bearer "+s.API.Reveal())
	case "forged":
		h.Set("X-Hub-Signature-256", "sha256="+mac("not the secret"))
	}
	return h
}

// Deliveries is everything that is sent to Headway, in order of sending: on the
// whole the order of time, with what goes wrong in life. Some are sent twice,
// some late, some are damaged, and some are forged.
func (h *History) Deliveries() []Delivery {
	var out []Delivery
	for _, r := range h.Repos {
		if !h.onDisk(r) {
			out = append(out, h.github(r)...)
		}
	}
	out = append(out, h.pagerduty()...)
	out = append(out, h.jira()...)
	out = append(out, h.analytics()...)
	out = append(out, h.cdevents()...)
	out = append(out, h.api()...)
	out = slices.DeleteFunc(out, func(d Delivery) bool { return d.At.After(h.End) })
	return h.disturb(out)
}

// onDisk says that a repository is read from disk and sends nothing.
func (h *History) onDisk(r *Repo) bool {
	return slices.ContainsFunc(h.Services, func(s *Service) bool { return s.Repo == r && s.Channel == ByTag })
}

// Numbers of deliveries that are damaged or forged.
const (
	damaged = 12
	forged  = 5
)

func (h *History) disturb(in []Delivery) []Delivery {
	d := newDice(h.Seed, "disturb")
	out := make([]Delivery, 0, len(in)+len(in)/50)
	for _, x := range in {
		out = append(out, x)
		if d.chance(0.01) {
			again := x
			again.At = x.At.Add(d.between(time.Minute, 48*time.Hour))
			out = append(out, again)
		}
	}
	for i := range out {
		if d.chance(0.02) {
			out[i].At = out[i].At.Add(d.between(time.Hour, 72*time.Hour))
		}
	}
	github := slices.DeleteFunc(slices.Clone(in), func(x Delivery) bool { return x.Kind != "github" })
	for i := range damaged + forged {
		x := pick(d, github)
		x.Header = x.Header.Clone()
		x.Header.Set("X-GitHub-Delivery", fmt.Sprintf("00000000-0000-5000-8000-%012d", i))
		if i < damaged {
			whole := x.Body
			x.Body = func() []byte { b := whole(); return b[:len(b)*2/3] }
		} else {
			x.Kind = "forged"
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Delivery) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Path, b.Path))
	})
	return out
}

// Sender delivers to a running Headway.
type Sender struct {
	// URL of Headway, without a path.
	URL     string
	Secrets Secrets
	Client  *http.Client
	// Workers is how many requests are under way at once.
	Workers int
	// OnProgress is told how many of all deliveries were answered; it may be nil.
	OnProgress func(done, total int)
}

// Result counts the answers.
type Result struct {
	Accepted, Refused int
}

// retryFor is how long an unavailable Headway is waited for.
const retryFor = time.Minute

// Send delivers everything. As a good sender does, it tries again when Headway
// is unavailable. A refusal of what is not forged is an error.
func (s Sender) Send(ctx context.Context, deliveries []Delivery) (Result, error) {
	var accepted, refused, done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.Workers)
	var report sync.Mutex
	for _, d := range deliveries {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			code, err := s.deliver(ctx, d)
			switch {
			case err != nil:
				return err
			case code == http.StatusUnauthorized && d.Kind == "forged":
				refused.Add(1)
			case code/100 != 2:
				return fmt.Errorf("headway answered %d to a delivery of %s", code, d.Path)
			default:
				accepted.Add(1)
			}
			if n := done.Add(1); s.OnProgress != nil {
				report.Lock()
				defer report.Unlock()
				s.OnProgress(int(n), len(deliveries))
			}
			return nil
		})
	}
	err := g.Wait()
	return Result{int(accepted.Load()), int(refused.Load())}, err
}

// Deliver sends one delivery, which must be accepted.
func (s Sender) Deliver(ctx context.Context, d Delivery) error {
	code, err := s.deliver(ctx, d)
	if err == nil && code/100 != 2 {
		err = fmt.Errorf("headway answered %d to a delivery of %s", code, d.Path)
	}
	return err
}

func (s Sender) deliver(ctx context.Context, d Delivery) (int, error) {
	deadline := time.Now().Add(retryFor)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		code, err := s.once(ctx, d)
		if err == nil && code < http.StatusInternalServerError {
			return code, nil
		}
		if err == nil {
			err = fmt.Errorf("headway answered %d", code)
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("delivering to %s: %w", d.Path, err)
		}
		select {
		case <-ctx.Done():
			return 0, errors.Join(ctx.Err(), err)
		case <-time.After(wait):
		}
	}
}

func (s Sender) once(ctx context.Context, d Delivery) (int, error) {
	body := d.Body()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+d.Path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = s.Secrets.sign(d, body)
	resp, err := s.Client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}
