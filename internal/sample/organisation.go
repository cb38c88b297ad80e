package sample

import (
	"fmt"
	"time"
)

// Days is the length of the history.
const Days = 180

// Generate makes up the organisation's 180 days before end, which is cut to the
// day in UTC. The same seed and end give the same history.
func Generate(seed uint64, end time.Time) *History {
	end = end.UTC().Truncate(24 * time.Hour)
	h := &History{Seed: seed, Start: end.AddDate(0, 0, -Days), End: end}
	h.makeTeams()
	h.makeCapabilities()
	h.makeServices()
	for _, r := range h.Repos {
		h.simulate(r)
	}
	h.makeNewcomers()
	h.finishDelivery()
	h.makeNoise()
	h.makeTickets()
	h.makePlatformUse()
	h.makeFallbacks()
	h.sortTickets()
	h.nameWhatItIsAbout()
	h.makeWorkloads()
	h.makeAnswers()
	h.makeSecurity()
	h.makePolicies()
	h.makeCosts()
	return h
}

// Day is the time d days after the start of the history.
func (h *History) Day(d int) time.Time { return h.Start.AddDate(0, 0, d) }

// Days on which the planned things happen.
const (
	reorganisationDay = 75
	badQuarterFrom    = 90
	badQuarterTo      = 150
	capabilityDay     = 60
	firstMigrationDay = 30
	migrationEvery    = 9
)

// handMade is a new service that its team did not create from the template.
const handMade = "deep-links"

const platformTeam = "platform"

func (h *History) makeTeams() {
	d := newDice(h.Seed, "teams")
	for _, t := range []struct{ id, name string }{
		{"checkout", "Checkout"},
		{"payments", "Payments"},
		{"catalogue", "Catalogue"},
		{"search", "Search"},
		{"accounts", "Accounts"},
		{"shipping", "Shipping"},
		{"pricing", "Pricing"},
		{"notifications", "Notifications"},
		{"insights", "Insights"},
		{"mobile", "Mobile"},
		{"partners", "Partners"},
		{platformTeam, "Platform"},
	} {
		h.Teams = append(h.Teams, Team{ID: t.id, Name: t.name, Platform: t.id == platformTeam})
		for i := range 7 + d.IntN(5) {
			h.People = append(h.People, Person{Login: fmt.Sprintf("%s-dev-%02d", t.id, i+1), Team: t.id})
		}
	}
	h.People = append(h.People, Person{Login: "deploy-bot", Team: platformTeam, Bot: true})
}

func (h *History) members(team string) []string {
	var out []string
	for _, p := range h.People {
		if p.Team == team && !p.Bot {
			out = append(out, p.Login)
		}
	}
	return out
}

func (h *History) makeCapabilities() {
	h.Capabilities = []Capability{
		{ID: "service-template", Name: "Service template"},
		{ID: "managed-database", Name: "Managed database"},
		{ID: "deploy-pipeline", Name: "Deploy pipeline"},
		{ID: "observability", Name: "Observability"},
		{ID: "preview-environments", Name: "Preview environments", ReleasedAt: h.Day(capabilityDay)},
	}
	h.Templates = []Template{
		{ID: "go-service", Capability: "service-template", MinutesSaved: 480},
		{ID: "postgres-database", Capability: "managed-database", MinutesSaved: 180},
		{ID: "preview-environment", Capability: "preview-environments", MinutesSaved: 90},
	}
}

// servicePlan is a line of the organisation's catalogue.
type servicePlan struct {
	team, id, repo, path string
	channel              Channel
	cadence              Cadence
	kind                 MergeKind
	regions              int
	failureRate          float64
	createdDay           int // 0: older than the history
}

func plans() []servicePlan {
	return []servicePlan{
		{"checkout", "checkout-api", "checkout-api", "", ByGitHub, Continuous, Squash, 2, 0.10, 0},
		{"checkout", "cart", "cart", "", ByGitHub, Continuous, Squash, 1, 0.07, 0},
		{"checkout", "storefront-web", "storefront", "web/", ByGitHub, Continuous, Squash, 1, 0.08, 0},
		{"checkout", "storefront-edge", "storefront", "edge/", ByGitHub, Daily, Squash, 1, 0.06, 0},
		{"payments", "payments-api", "payments-api", "", ByGitHub, Daily, Merge, 2, 0.08, 0},
		{"payments", "ledger", "ledger", "", ByGitHub, Weekly, Merge, 1, 0.05, 0},
		{"payments", "fraud", "fraud", "", ByCDEvents, Daily, Squash, 1, 0.09, 0},
		{"catalogue", "catalogue-api", "catalogue-api", "", ByGitHub, Daily, Squash, 1, 0.06, 0},
		{"catalogue", "media", "media", "", ByGitOps, Daily, Squash, 1, 0.07, 0},
		{"catalogue", "import", "import", "", ByGitHub, Weekly, Rebase, 1, 0.10, 0},
		{"search", "search-api", "search-api", "", ByGitHub, Continuous, Trunk, 3, 0.06, 0},
		{"search", "indexer", "indexer", "", ByGitHub, Daily, Squash, 1, 0.05, 0},
		{"search", "suggest", "suggest", "", ByAPI, Daily, Squash, 1, 0.08, 0},
		{"accounts", "identity", "identity", "", ByGitHub, Daily, Merge, 2, 0.04, 0},
		{"accounts", "profiles", "profiles", "", ByGitHub, Daily, Squash, 1, 0.06, 0},
		{"accounts", "consent", "consent", "", ByGitOps, Weekly, Squash, 1, 0.05, 0},
		{"shipping", "shipping-api", "shipping-api", "", ByGitHub, Daily, Squash, 1, 0.09, 0},
		{"shipping", "labels", "labels", "", ByGitHub, Weekly, Squash, 1, 0.08, 0},
		{"shipping", "tracking", "tracking", "", ByCDEvents, Daily, Squash, 1, 0.07, 0},
		{"pricing", "pricing-api", "pricing-api", "", ByGitHub, Continuous, Squash, 1, 0.08, 0},
		{"pricing", "promotions", "promotions", "", ByGitHub, Daily, Squash, 1, 0.10, 0},
		{"pricing", "tax", "tax", "", ByGitHub, Weekly, Merge, 1, 0.04, 0},
		{"notifications", "mailer", "mailer", "", ByGitHub, Daily, Squash, 1, 0.05, 0},
		{"notifications", "push", "push", "", ByGitHub, Daily, Rebase, 1, 0.06, 0},
		{"notifications", "preferences", "preferences", "", ByGitOps, Daily, Squash, 1, 0.06, 58},
		{"insights", "events-api", "events-api", "", ByGitHub, Daily, Squash, 1, 0.06, 0},
		{"insights", "warehouse-sync", "warehouse-sync", "", ByAPI, Weekly, Squash, 1, 0.09, 0},
		{"insights", "reports", "reports", "", ByGitHub, Daily, Trunk, 1, 0.05, 0},
		{"mobile", "mobile-gateway", "mobile-gateway", "", ByGitHub, Continuous, Squash, 1, 0.07, 0},
		{"mobile", "app-config", "app-config", "", ByGitOps, Daily, Squash, 1, 0.05, 0},
		{"mobile", "deep-links", "deep-links", "", ByGitHub, Weekly, Squash, 1, 0.06, 96},
		{"partners", "partner-api", "partner-api", "", ByGitHub, Daily, Squash, 1, 0.09, 0},
		{"partners", "feeds", "feeds", "", ByGitHub, Weekly, Squash, 1, 0.07, 0},
		{"partners", "onboarding", "onboarding", "", ByAPI, Daily, Squash, 1, 0.06, 120},
		{"catalogue", "reviews", "reviews", "", ByGitHub, Daily, Squash, 1, 0.07, 72},
		{"search", "ranking", "ranking", "", ByGitHub, Daily, Squash, 1, 0.08, 134},
		{platformTeam, "deploy-pipeline", "deploy-pipeline", "", ByGitHub, Daily, Squash, 1, 0.05, 0},
		{platformTeam, "portal", "portal", "", ByGitHub, Daily, Squash, 1, 0.04, 0},
		{platformTeam, "database-operator", "database-operator", "", ByGitOps, Weekly, Squash, 1, 0.04, 0},
		{platformTeam, "platform-cli", "platform-cli", "", ByTag, Weekly, Squash, 1, 0, 0},
	}
}

func (h *History) makeServices() {
	repos := map[string]*Repo{}
	migration := firstMigrationDay
	for i, p := range plans() {
		r := repos[p.repo]
		if r == nil {
			r = &Repo{Name: "acme/" + p.repo, ID: int64(700100 + i), Kind: p.kind, nextNumber: 101}
			repos[p.repo] = r
			h.Repos = append(h.Repos, r)
		}
		s := &Service{
			ID: p.id, Repo: r, Path: p.path, Channel: p.channel, Cadence: p.cadence,
			Regions: []string{"production"}, Owners: []Owner{{Team: p.team}},
			PagerDutyID: fmt.Sprintf("PSVC%03d", i+1), FailureRate: p.failureRate, BadQuarter: p.failureRate,
		}
		if p.regions > 1 {
			s.Regions = []string{"production-eu", "production-us", "production-ap"}[:p.regions]
		}
		if p.createdDay > 0 {
			s.CreatedAt = h.Day(p.createdDay).Add(9 * time.Hour)
			s.OnPlatformFrom = s.CreatedAt
			if p.id != handMade {
				s.Template = "go-service"
			}
		}
		// The bad quarter is that of two teams.
		if p.team == "shipping" || p.team == "partners" {
			s.BadQuarter = 0.35
		}
		// The platform migration moves a service every few days; some stay behind.
		switch {
		case p.createdDay > 0 || p.channel == ByTag:
		case i%7 == 6:
		case i%3 == 0:
			s.OnPlatformFrom = h.Start
		default:
			s.OnPlatformFrom = h.Day(min(migration, Days-5))
			migration += migrationEvery / 2
		}
		h.Services = append(h.Services, s)
	}
	// The reorganisation: two services of Catalogue go to Search.
	for _, s := range h.Services {
		if s.ID == "media" || s.ID == "import" {
			s.Owners = append(s.Owners, Owner{Team: "search", From: h.Day(reorganisationDay)})
		}
	}
}
