package derive

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/headway-metrics/headway/schema"
)

// dirtyNames are what the keys of one batch name.
type dirtyNames struct {
	repos, refs, incidents, deployments []string
	catalog, all                        bool
}

// fanOut publishes the keys of the services that the others concern.
func (d *Deriver) fanOut(ctx context.Context, cat *catalogue, keys []schema.DirtyKey) error {
	names := d.names(ctx, keys)
	found := idSet{}
	if concerned := cat.names.concerned(names.repos); len(concerned) > len(names.repos) {
		// A repository that nobody has catalogued was a service under its former name.
		found.add(concerned...)
		names.repos = concerned
	}
	found.add(cat.ofRepos(names.repos)...)
	found.add(cat.namedBy(names.refs)...)
	var applied *appliedChanges
	if names.catalog || names.all {
		var err error
		if applied, err = d.appliedChanges(ctx, cat); err != nil {
			return err
		}
		found.add(applied.services...)
		names.repos = append(names.repos, applied.repos...)
		names.refs = append(names.refs, applied.names...)
	}
	if err := d.addDeployed(ctx, found, names, cat, applied); err != nil {
		return err
	}
	if len(names.incidents) > 0 || names.all {
		refs, err := d.list(ctx, selectIncidentNames, map[string]any{"all": flag(names.all), "incidents": array(names.incidents)})
		if err != nil {
			return fmt.Errorf("finding what incidents name: %w", err)
		}
		found.add(cat.namedBy(refs)...)
	}
	if names.all {
		// What has rows is derived too: a service that is gone loses them.
		derived, err := d.list(ctx, selectDerivedServices, nil)
		if err != nil {
			return fmt.Errorf("finding derived services: %w", err)
		}
		found.add(derived...)
		found.add(slices.Collect(maps.Keys(cat.services))...)
	}
	if keys := found.keys(); len(keys) > 0 {
		if err := d.cfg.Outbox.PublishDirty(ctx, keys...); err != nil {
			return fmt.Errorf("publishing %d dirty services: %w", len(keys), err)
		}
	}
	if applied != nil {
		// Only now: a worker that dies before finds the same differences again.
		return write(ctx, d.cfg.Store, appliedTable, applied.rows)
	}
	return nil
}

func (d *Deriver) names(ctx context.Context, keys []schema.DirtyKey) dirtyNames {
	var out dirtyNames
	for _, k := range keys {
		kind, name := k.Split()
		switch {
		case k == schema.DirtyCatalog:
			out.catalog = true
		case k == schema.DirtyAll:
			out.all = true
		case name == "":
			// Of a fact that names nothing.
		case kind == "repo":
			out.repos = append(out.repos, name)
		case kind == "ref":
			out.refs = append(out.refs, name)
		case kind == "incident":
			out.incidents = append(out.incidents, name)
		case kind == "deployment":
			out.deployments = append(out.deployments, name)
		default:
			d.cfg.Log.WarnContext(ctx, "ignoring a dirty key of unknown kind", "key", string(k))
		}
	}
	return out
}

// addDeployed adds the services that deployments belong to: those which name one of
// the refs or repositories, under the catalogue as it is and as it was applied; and
// those which hold one of the deployments, whatever it was called then.
func (d *Deriver) addDeployed(ctx context.Context, found idSet, names dirtyNames, cat *catalogue, applied *appliedChanges) error {
	if len(names.repos)+len(names.refs) > 0 || names.all {
		var pairs []struct {
			Ref  string `ch:"service_ref"`
			Repo string `ch:"repo"`
		}
		if err := d.cfg.Store.Select(ctx, &pairs, selectDeployedNames, map[string]any{"all": flag(names.all), "repos": array(cat.names.every(names.repos)), "refs": array(cat.names.every(names.refs))}); err != nil {
			return fmt.Errorf("finding what is deployed: %w", err)
		}
		for _, p := range pairs {
			found.add(cat.deployed(p.Ref, p.Repo)...)
			if applied != nil {
				found.add(applied.was.deployed(p.Ref, p.Repo)...)
			}
		}
	}
	if len(names.deployments) == 0 {
		return nil
	}
	names.deployments = append(names.deployments, cat.names.ids(names.deployments)...)
	holding := selectHolders
	if len(names.deployments) > fewDeployments {
		holding = selectManyHolders
	}
	holders, err := d.list(ctx, holding, map[string]any{"deployments": array(names.deployments)})
	if err != nil {
		return fmt.Errorf("finding who holds deployments: %w", err)
	}
	found.add(holders...)
	return nil
}

func (d *Deriver) list(ctx context.Context, sql string, args map[string]any) ([]string, error) {
	var rows []struct {
		Name string `ch:"name"`
	}
	if err := d.cfg.Store.Select(ctx, &rows, sql, args); err != nil {
		return nil, err
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Name
	}
	return out, nil
}

// idSet are ids of services.
type idSet map[string]bool

func (s idSet) add(ids ...string) {
	for _, id := range ids {
		if id != "" {
			s[id] = true
		}
	}
}

func (s idSet) keys() []schema.DirtyKey {
	out := make([]schema.DirtyKey, 0, len(s))
	for _, id := range slices.Sorted(maps.Keys(s)) {
		out = append(out, schema.DirtyService(id))
	}
	return out
}
