package derive

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/headway-metrics/headway/schema"
)

// derive computes some services anew and writes what differs from what is stored.
func (d *Deriver) derive(ctx context.Context, cat *catalogue, ids []string) error {
	// Before any fact is read: see Deriver on versions.
	stamp, err := d.stamp(ctx)
	if err != nil {
		return err
	}
	inputs, err := d.inputs(ctx, cat, ids)
	if err != nil {
		return err
	}
	var old, fresh Output
	args := map[string]any{"services": array(ids)}
	for _, q := range []struct {
		dest any
		sql  string
	}{{&old.Releases, selectReleases}, {&old.Changes, selectChangesDeployed}, {&old.Incidents, selectIncidents}} {
		if err := d.cfg.Store.Select(ctx, q.dest, q.sql, args); err != nil {
			return fmt.Errorf("reading derived rows: %w", err)
		}
	}
	for _, in := range inputs {
		out := Service(in, d.cfg.Options)
		fresh.Releases = append(fresh.Releases, out.Releases...)
		fresh.Changes = append(fresh.Changes, out.Changes...)
		fresh.Incidents = append(fresh.Incidents, out.Incidents...)
	}
	if err := write(ctx, d.cfg.Store, schema.ChangeDeployedTable, diff(old.Changes, fresh.Changes, changeKey, changeMeta, stamp)); err != nil {
		return err
	}
	if err := write(ctx, d.cfg.Store, schema.IncidentTable, diff(old.Incidents, fresh.Incidents, incidentKey, incidentMeta, stamp)); err != nil {
		return err
	}
	return write(ctx, d.cfg.Store, schema.ReleaseTable, diff(old.Releases, fresh.Releases, releaseKey, releaseMeta, stamp))
}

func write[T any](ctx context.Context, store Store, table string, rows []T) error {
	if len(rows) == 0 {
		return nil
	}
	if err := store.InsertRows(ctx, table, rows); err != nil {
		return fmt.Errorf("writing %d rows of %s: %w", len(rows), table, err)
	}
	return nil
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

// inputs reads the facts of some services.
func (d *Deriver) inputs(ctx context.Context, cat *catalogue, ids []string) ([]Input, error) {
	now := d.cfg.Now()
	out := make([]Input, len(ids))
	at := map[string]*Input{}
	var refs, repos []string
	for i, id := range ids {
		out[i] = Input{Service: cat.service(id), Now: now}
		at[id] = &out[i]
		refs = append(refs, cat.refs(id)...)
		if r := cat.repo(id); r != "" {
			repos = append(repos, r)
		}
	}
	if err := d.addFacts(ctx, cat, at, map[string]any{"services": array(ids), "refs": array(refs), "repos": array(repos)}); err != nil {
		return nil, err
	}
	repoOf := map[string]string{}
	var needed []string
	for i := range out {
		if repo := repository(cat, &out[i]); repo != "" && len(out[i].Deployments) > 0 {
			repoOf[out[i].Service.ServiceID] = repo
			needed = append(needed, repo)
		}
	}
	loaded, err := d.cache.get(ctx, array(needed))
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Repo = loaded[repoOf[out[i].Service.ServiceID]]
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
	addIncidents(cat, at, updates)
	var ownerships []schema.Ownership
	if err := d.cfg.Store.Select(ctx, &ownerships, selectOwnerships, args); err != nil {
		return fmt.Errorf("reading ownership: %w", err)
	}
	for _, o := range ownerships {
		if in := at[o.ServiceID]; in != nil {
			in.Ownerships = append(in.Ownerships, o)
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

// diff lists the rows to write: those that are new or differ, and tombstones of
// those that no longer follow. Equal rows are not written again.
func diff[T any](old, fresh []T, key func(*T) string, meta func(*T) *schema.DerivedMeta, stamp uint64) []T {
	stored := make(map[string]*T, len(old))
	for i := range old {
		stored[key(&old[i])] = &old[i]
	}
	var out []T
	for i := range fresh {
		row := fresh[i]
		k := key(&row)
		was := stored[k]
		delete(stored, k)
		meta(&row).Version = stamp
		if was != nil {
			if meta(was).Deleted == 0 && sameRow(was, &row) {
				continue
			}
			meta(&row).Version = max(stamp, meta(was).Version+1)
		}
		out = append(out, row)
	}
	gone := len(out)
	for _, was := range stored {
		if meta(was).Deleted != 0 {
			continue
		}
		row := *was
		meta(&row).Deleted = 1
		meta(&row).Version = max(stamp, meta(was).Version+1)
		out = append(out, row)
	}
	slices.SortFunc(out[gone:], func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	return out
}
