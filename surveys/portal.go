package surveys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// Publisher puts events into Kafka; it returns nil only when all of them are
// durable there.
type Publisher interface {
	Publish(ctx context.Context, events ...schema.Event) error
}

// Options are what a portal needs of its surroundings. The lookups must not put
// a person into their errors: those are logged.
type Options struct {
	Config Config
	// PublicURL is where people reach Headway, "https://headway.example.com";
	// invitation links begin with it.
	PublicURL string
	// Organisation is the name shown on the pages.
	Organisation string
	// StateDir is a directory of the portal's own. What is in it cannot be made
	// again: it holds accepted answers that are not published yet.
	StateDir  string
	Publisher Publisher
	// TeamOf finds the team of somebody whom the proxy has signed in; "" when
	// there is none. It is needed only with Config.Proxy.
	TeamOf func(ctx context.Context, person string) (team string, err error)
	// TeamSize is how many people a team has; 0 when it is not known.
	TeamSize func(ctx context.Context, team string) (int, error)
	// Invited are the invitations of weeks that begin at since or later, for the
	// rule of one survey in 30 days. Only Invite needs it.
	Invited func(ctx context.Context, since time.Time) ([]Invited, error)
	// Zone is the reporting zone, in which waves begin and end.
	Zone   *time.Location
	Now    func() time.Time
	Logger *slog.Logger
	// Sample marks every page as sample data.
	Sample bool
}

// Portal serves the survey pages and publishes what was answered.
type Portal struct {
	opts       Options
	surveys    []Definition
	keys       keys
	store      store
	proxies    []netip.Prefix
	flushEvery time.Duration
	guesses    *guesses
	pages      *pages
	mux        *http.ServeMux
}

// New makes a portal. Its errors name the option or the line of a survey file
// that is wrong. Serve it at /survey and /survey/, and run Run beside it.
func New(o Options) (*Portal, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	p := &Portal{opts: o, guesses: newGuesses(o.Now)}
	var err error
	if p.flushEvery, err = time.ParseDuration(o.Config.FlushEvery); err != nil {
		return nil, fmt.Errorf("surveys.flush_every: %w", err)
	}
	for _, s := range o.Config.Proxy.TrustedCIDRs {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("surveys.proxy.trusted_cidrs: %w", err)
		}
		p.proxies = append(p.proxies, prefix.Masked())
	}
	if p.surveys, err = loadSurveys(o.Config.Files); err != nil {
		return nil, err
	}
	if p.store, err = openStore(o.StateDir); err != nil {
		return nil, err
	}
	key := o.Config.Secret.Reveal()
	if key == "" {
		if key, err = p.store.secret(); err != nil {
			return nil, err
		}
	}
	if p.keys, err = deriveKeys(key); err != nil {
		return nil, err
	}
	if err := p.recordWordings(); err != nil {
		return nil, err
	}
	if p.pages, err = newPages(o.Organisation, o.Config.Threshold, o.Sample); err != nil {
		return nil, err
	}
	p.mux = p.routes()
	return p, nil
}

func (o Options) validate() error {
	u, err := url.Parse(o.PublicURL)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q is not an address that invitation links can begin with; set http.public_url", o.PublicURL)
	case o.Publisher == nil || o.TeamSize == nil || o.Zone == nil || o.Now == nil || o.Logger == nil:
		return errors.New("the survey portal needs a publisher, team sizes, a zone, a clock and a logger")
	case o.Config.Proxy.Header != "" && o.TeamOf == nil:
		return errors.New("surveys.proxy.header needs a lookup of people's teams")
	}
	return o.Config.Validate()
}

func loadSurveys(files []string) ([]Definition, error) {
	if len(files) == 0 {
		d, err := Platform()
		return []Definition{d}, err
	}
	var out []Definition
	seen := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // The user names the file.
		if err != nil {
			return nil, fmt.Errorf("surveys.files: %w", err)
		}
		d, err := ParseDefinition(f, b)
		if err != nil {
			return nil, err
		}
		if other := seen[d.ID]; other != "" {
			return nil, fmt.Errorf("%s: id: %s has the id %q too; give each survey its own", f, other, d.ID)
		}
		seen[d.ID] = f
		out = append(out, d)
	}
	return out, nil
}

// recordWordings refuses a question whose wording changed under one version:
// its answers before and after could not be told apart.
func (p *Portal) recordWordings() error {
	return p.store.change(func(st *state) error {
		var errs []error
		for _, d := range p.surveys {
			for _, q := range d.Questions {
				key := fmt.Sprintf("%s/%s/%d", d.ID, q.ID, q.Version)
				wording, err := q.Fingerprint()
				if err != nil {
					return err
				}
				if was, ok := st.Wordings[key]; ok && was != wording {
					errs = append(errs, fmt.Errorf(
						"survey %s: question %s: the wording changed but the version is still %d; set version: %d", d.ID, q.ID, q.Version, q.Version+1))
				}
				st.Wordings[key] = wording
			}
		}
		return errors.Join(errs...)
	})
}

func (p *Portal) survey(id string) (Definition, bool) {
	for _, d := range p.surveys {
		if d.ID == id {
			return d, true
		}
	}
	return Definition{}, false
}

// Run publishes what has been answered, each stream at random times of its own,
// until ctx ends. What could not be published is tried again; what is not
// published when Run ends is kept for the next run.
func (p *Portal) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, source := range []string{AnswersSource, ParticipationSource} {
		wg.Go(func() {
			for {
				wait := p.flushEvery/2 + rand.N(p.flushEvery) //nolint:gosec // Only spreads the times.
				timer := time.NewTimer(wait)
				select {
				case <-ctx.Done():
					timer.Stop()
					return
				case <-timer.C:
				}
				if err := p.flush(ctx, source); err != nil && ctx.Err() == nil {
					p.opts.Logger.ErrorContext(ctx, "publishing survey events failed; they are kept", "source", source, "error", err)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// Flush publishes now what the mix lets go of both streams.
func (p *Portal) Flush(ctx context.Context) error {
	return errors.Join(p.flush(ctx, AnswersSource), p.flush(ctx, ParticipationSource))
}

func (p *Portal) flush(ctx context.Context, source string) error {
	now := p.opts.Now()
	st, err := p.store.read()
	if err != nil {
		return err
	}
	if !mix(st.Held, source, p.opts.Config.Threshold, now) {
		return nil
	}
	var events []schema.Event
	err = p.store.change(func(st *state) error {
		mix(st.Held, source, p.opts.Config.Threshold, now)
		events, err = leaving(st.Held, source, now)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.opts.Publisher.Publish(ctx, events...); err != nil {
		return fmt.Errorf("publishing %d events: %w", len(events), err)
	}
	return p.store.change(func(st *state) error {
		st.Held = without(st.Held, events)
		return nil
	})
}
