package year

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// newPlan decides how large each repository and each service is.
func newPlan(o Options) (*plan, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	p := &plan{Options: o, EndMillis: o.End.UnixMilli(), StartMillis: o.End.AddDate(0, 0, -days).UnixMilli()}
	of := func(full float64, least int64) int64 { return max(least, int64(math.Round(full*o.Scale))) }
	p.Counts = Counts{
		Repositories: of(5000, 12), Developers: of(10_000, 40), Teams: of(500, 6), Capabilities: 20,
		Slots: of(2_000_000, 400), Deployments: of(1_800_000, 300), Incidents: of(35_000, 20), JobsPerSlot: 50,
		Tickets: of(3_000_000, 500), Uses: of(3_000_000, 500), Requests: of(500_000, 200),
		Workloads: of(10_000, 50),
	}
	// Four waves, four questions, two people of five.
	p.Answers = p.Developers * 4 * 4 * 2 / 5
	p.share(rand.New(rand.NewPCG(o.Seed, 0x9E3779B97F4A7C15))) //nolint:gosec // Reproducible, not secret.
	return p, p.parse()
}

// Of 250 repositories one holds many services, and is as busy as they are.
const (
	shareEvery    = 250
	sharedBy      = 26
	sharedWeight  = 20
	newOneIn      = 10
	regionsOneIn  = 4
	youngestStart = 0.8
)

// share divides the slots among repositories and the deployments among services:
// a few of them are busy and many are quiet.
func (p *plan) share(rng *rand.Rand) {
	weights := make([]float64, p.Repositories)
	var whole float64
	for r := range weights {
		weights[r] = 0.2 + 4*math.Pow(rng.Float64(), 4)
		if r%shareEvery == shareEvery/50 {
			weights[r] = sharedWeight
		}
		whole += weights[r]
	}
	var before, spent float64
	for r, w := range weights {
		// Rounding the sums keeps the total exact.
		spent += w
		slots := math.Round(spent/whole*float64(p.Slots)) - before
		row := repoRow{R: uint32(r), Repo: fmt.Sprintf("github.com/acme/repo-%05d", r), First: int64(before), Slots: int64(slots), Services: 1}
		before += slots
		if w == sharedWeight {
			row.Services = sharedBy
		} else if r%newOneIn == 7 {
			row.Starts = youngestStart * rng.Float64()
		}
		p.repos = append(p.repos, row)
		for nth := range row.Services {
			p.services = append(p.services, serviceRow{
				S: int64(len(p.services)), R: row.R, Repo: row.Repo, Slots: row.Slots, Services: row.Services, Nth: nth,
				Starts: row.Starts, Regions: 1,
			})
		}
	}
	p.Services = int64(len(p.services))
	p.release()
}

// release divides the deployments: each point is one to staging and one or two to
// production.
func (p *plan) release() {
	var whole float64
	weight := func(s *serviceRow) float64 { return float64(s.Slots) / math.Sqrt(float64(s.Services)) }
	for i := range p.services {
		s := &p.services[i]
		if s.S%regionsOneIn == 1 {
			s.Regions = 2
		}
		whole += weight(s) * float64(1+s.Regions)
	}
	var spent, before float64
	for i := range p.services {
		s := &p.services[i]
		spent += weight(s) * float64(p.Deployments) / whole
		s.Points = max(2, int64(math.Round(spent-before)))
		before += float64(s.Points)
		s.FirstPoint = p.Points
		p.Points += s.Points
	}
}
