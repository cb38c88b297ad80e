package derive

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/headway-metrics/headway/schema"
)

// derive computes some services anew and writes what differs from what is stored,
// each table in one insert of one block: a reader sees all of it or nothing.
func (d *Deriver) derive(ctx context.Context, cat *catalogue, ids []string, keep bool) error {
	// Before any fact is read: see Deriver on versions.
	stamp, err := d.stamp(ctx)
	if err != nil {
		return err
	}
	rows, err := d.different(ctx, cat, ids, keep, stamp)
	if err != nil {
		return err
	}
	if d.cfg.Announcer != nil {
		if err := d.cfg.Announcer.Announce(ctx, rows); err != nil {
			return fmt.Errorf("announcing rows: %w", err)
		}
	}
	if err := write(ctx, d.cfg.Store, schema.ChangeDeployedTable, rows.Changes); err != nil {
		return err
	}
	if err := write(ctx, d.cfg.Store, schema.IncidentTable, rows.Incidents); err != nil {
		return err
	}
	return write(ctx, d.cfg.Store, schema.ReleaseTable, rows.Releases)
}

// firstRelease is the one by which a service came into production; "" when none did.
func firstRelease(releases []schema.Release) string {
	var first *schema.Release
	for i := range releases {
		if r := &releases[i]; r.Succeeded == 1 && (first == nil || r.FinishedAt.Before(first.FinishedAt)) {
			first = r
		}
	}
	if first == nil {
		return ""
	}
	return first.ReleaseID
}

// different computes some services and returns the rows that differ from what is
// stored. That is read meanwhile.
func (d *Deriver) different(ctx context.Context, cat *catalogue, ids []string, keep bool, stamp uint64) (Differences, error) {
	rows := Differences{First: map[string]string{}}
	var old [3]storedRows
	read := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		for i, sql := range []string{selectReleases, selectChangesDeployed, selectIncidents} {
			if old[i], err = d.storedRows(ctx, sql, ids); err != nil {
				return err
			}
		}
		close(read)
		return nil
	})
	g.Go(func() error {
		inputs, err := d.inputs(ctx, cat, ids)
		if err != nil {
			return err
		}
		return d.withRepos(ctx, cat, inputs, keep, func(in *Input) error {
			id := in.Service.ServiceID
			out := Service(*in, d.cfg.Options)
			select {
			case <-read:
			case <-ctx.Done():
				return ctx.Err()
			}
			rows.Releases = releaseKind.diff(rows.Releases, id, old[0][id], out.Releases, stamp)
			rows.Changes = changeKind.diff(rows.Changes, id, old[1][id], out.Changes, stamp)
			rows.Incidents = incidentKind.diff(rows.Incidents, id, old[2][id], out.Incidents, stamp)
			rows.First[id] = firstRelease(out.Releases)
			*in = Input{} // What was needed of it is in rows.
			return nil
		})
	})
	err := g.Wait()
	return rows, err
}

// commitsAtOnce bounds the commits read together; a larger repository is read alone.
const commitsAtOnce = 30_000

// withRepos calls do for each input with its repository, reading as many
// repositories at a time as memory allows. keep keeps them in memory for later.
func (d *Deriver) withRepos(ctx context.Context, cat *catalogue, inputs []Input, keep bool, do func(*Input) error) error {
	of := map[string][]*Input{}
	var without []*Input
	for i := range inputs {
		in := &inputs[i]
		if repo := repository(cat, in); repo != "" && len(in.Deployments) > 0 {
			of[repo] = append(of[repo], in)
		} else {
			without = append(without, in)
		}
	}
	for _, in := range without {
		if err := do(in); err != nil {
			return err
		}
	}
	now, err := d.cache.prints(ctx, slices.Sorted(maps.Keys(of)), keep)
	if err != nil {
		return err
	}
	for _, repos := range now.batches(commitsAtOnce) {
		loaded, err := d.cache.get(ctx, repos, now, keep)
		if err != nil {
			return err
		}
		for _, repo := range repos {
			for _, in := range of[repo] {
				in.Repo = loaded[repo]
				if in.Former, err = d.former(ctx, in, keep); err != nil {
					return err
				}
				if err := do(in); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// former reads the repositories that a service was deployed from before it moved:
// those of its deployments that are among its aliases.
func (d *Deriver) former(ctx context.Context, in *Input, keep bool) ([]*Repo, error) {
	var ids []string
	for i := range in.Deployments {
		r := in.Deployments[i].Repo
		if r != in.Service.Repo && slices.Contains(in.Service.Aliases, r) && !slices.Contains(ids, r) {
			ids = append(ids, r)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	now, err := d.cache.prints(ctx, ids, keep)
	if err != nil {
		return nil, err
	}
	loaded, err := d.cache.get(ctx, ids, now, keep)
	if err != nil {
		return nil, err
	}
	var out []*Repo
	for _, id := range ids {
		out = append(out, loaded[id])
	}
	return out, nil
}

// stamp is the store's clock in milliseconds.
func (d *Deriver) stamp(ctx context.Context) (uint64, error) {
	var rows []struct {
		At uint64 `ch:"at"`
	}
	if err := d.cfg.Store.Select(ctx, &rows, selectNow, nil); err != nil {
		return 0, fmt.Errorf("reading the store's clock: %w", err)
	}
	if len(rows) != 1 {
		return 0, fmt.Errorf("reading the store's clock: %d rows", len(rows))
	}
	return rows[0].At, nil
}

// inputs reads the facts of some services, but for their repositories.
func (d *Deriver) inputs(ctx context.Context, cat *catalogue, ids []string) ([]Input, error) {
	now := d.cfg.Now()
	out := make([]Input, len(ids))
	at := map[string]*Input{}
	var refs, repos []string
	for i, id := range ids {
		out[i] = Input{Service: cat.service(id), Now: now}
		at[id] = &out[i]
		refs = append(refs, cat.refs(id)...)
		repos = append(repos, cat.repos(id)...)
	}
	if err := d.addFacts(ctx, cat, at, map[string]any{"services": array(append(slices.Clone(ids), cat.names.every(repos)...)), "refs": array(cat.names.every(refs)), "repos": array(cat.names.every(repos))}); err != nil {
		return nil, err
	}
	return out, nil
}

// addFacts reads deployments, incidents and ownership, and gives each fact to the
// services it resolves to.
func (d *Deriver) addFacts(ctx context.Context, cat *catalogue, at map[string]*Input, args map[string]any) error {
	var deployments []schema.Deployment
	if err := d.cfg.Store.Select(ctx, &deployments, selectDeployments, args); err != nil {
		return fmt.Errorf("reading deployments: %w", err)
	}
	for i := range deployments {
		cat.names.deployment(&deployments[i])
		for _, id := range cat.deployed(deployments[i].ServiceRef, deployments[i].Repo) {
			if in := at[id]; in != nil {
				in.Deployments = append(in.Deployments, deployments[i])
			}
		}
	}
	var updates []schema.IncidentUpdate
	if err := d.cfg.Store.Select(ctx, &updates, selectIncidentUpdates, args); err != nil {
		return fmt.Errorf("reading incidents: %w", err)
	}
	for i := range updates {
		cat.names.update(&updates[i])
	}
	addIncidents(cat, at, updates)
	var ownerships []schema.Ownership
	if err := d.cfg.Store.Select(ctx, &ownerships, selectOwnerships, args); err != nil {
		return fmt.Errorf("reading ownership: %w", err)
	}
	for _, o := range ownerships {
		if !o.OfRepo() {
			if in := at[o.ServiceID]; in != nil {
				in.Ownerships = append(in.Ownerships, o)
			}
			continue
		}
		for _, id := range cat.ofRepo(o.ServiceID) {
			if in := at[id]; in != nil {
				in.Ownerships = append(in.Ownerships, cat.patterns.claimed(o, &in.Service))
			}
		}
	}
	return nil
}

// addIncidents gives each incident to the services that it names in the end: one
// that was moved to another service is no longer the first one's.
func addIncidents(cat *catalogue, at map[string]*Input, updates []schema.IncidentUpdate) {
	byID := map[string][]schema.IncidentUpdate{}
	for _, u := range updates {
		byID[u.IncidentID] = append(byID[u.IncidentID], u)
	}
	for _, us := range byID {
		for _, i := range foldIncidents(us, schema.MaxTime) {
			given := map[string]bool{}
			for _, ref := range i.refs {
				for _, id := range cat.named(ref) {
					if in := at[id]; in != nil && !given[id] {
						given[id] = true
						in.Incidents = append(in.Incidents, us...)
					}
				}
			}
		}
	}
}

// repository is the one of the catalogue, else that of the service's latest
// deployment which names one.
func repository(cat *catalogue, in *Input) string {
	if s := cat.services[in.Service.ServiceID]; s != nil && s.Repo != "" {
		return s.Repo
	}
	var latest *schema.Deployment
	for i := range in.Deployments {
		d := &in.Deployments[i]
		if d.Repo == "" {
			continue
		}
		if latest == nil || cmp.Or(d.CreatedAt.Compare(latest.CreatedAt), cmp.Compare(d.DeploymentID, latest.DeploymentID)) > 0 {
			latest = d
		}
	}
	if latest == nil {
		return ""
	}
	return latest.Repo
}
