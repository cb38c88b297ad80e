package argocd

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// application is the part of an Application (argoproj.io/v1alpha1) that is read, as
// its type ApplicationStatus documents it: https://argo-cd.readthedocs.io, "Application
// Specification", and the API's /swagger-ui.
type application struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		UID       string `json:"uid"`
	} `json:"metadata"`
	Spec struct {
		Project     string `json:"project"`
		Destination struct {
			Namespace string `json:"namespace"`
		} `json:"destination"`
	} `json:"spec"`
	Status struct {
		History []entry `json:"history"`
		Sync    struct {
			Status string `json:"status"`
		} `json:"sync"`
		Health struct {
			Status string `json:"status"`
		} `json:"health"`
		Summary struct {
			Images []string `json:"images"`
		} `json:"summary"`
		OperationState *operationState `json:"operationState"`
	} `json:"status"`
}

// entry is a sync that succeeded.
type entry struct {
	ID              int64      `json:"id"`
	Revision        string     `json:"revision"`
	Revisions       []string   `json:"revisions"`
	DeployedAt      time.Time  `json:"deployedAt"`
	DeployStartedAt *time.Time `json:"deployStartedAt"`
	Source          source     `json:"source"`
	Sources         []source   `json:"sources"`
}

// operationState is the last operation, whatever became of it.
type operationState struct {
	Phase      string     `json:"phase"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	Operation  struct {
		Sync *struct {
			DryRun    bool              `json:"dryRun"`
			Resources []json.RawMessage `json:"resources"`
		} `json:"sync"`
	} `json:"operation"`
	SyncResult *struct {
		Revision  string   `json:"revision"`
		Revisions []string `json:"revisions"`
		Source    source   `json:"source"`
		Sources   []source `json:"sources"`
	} `json:"syncResult"`
}

type source struct {
	RepoURL string `json:"repoURL"`
	Path    string `json:"path"`
	Chart   string `json:"chart"`
	Helm    struct {
		Parameters []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"parameters"`
	} `json:"helm"`
	Kustomize struct {
		Images []string `json:"images"`
	} `json:"kustomize"`
}

// synced is what an entry or an operation put there: one source or several.
type synced struct {
	revisions []string
	sources   []source
}

func (e entry) synced() synced { return newSynced(e.Revision, e.Revisions, e.Source, e.Sources) }

func newSynced(revision string, revisions []string, one source, several []source) synced {
	if len(revisions) > 0 {
		return synced{revisions, several}
	}
	return synced{[]string{revision}, []source{one}}
}

// same reports whether nothing differs: neither revision nor what the source says.
func (s synced) same(other synced) bool {
	a, errA := json.Marshal(s.sources)
	b, errB := json.Marshal(other.sources)
	return errA == nil && errB == nil && slices.Equal(s.revisions, other.revisions) && string(a) == string(b)
}

// revision is that of the first source.
func (s synced) revision() string {
	for _, r := range s.revisions {
		if r != "" {
			return r
		}
	}
	return ""
}

// of is the revision of a repository, or "" when it is not among the sources.
func (s synced) of(repo string) string {
	for i, src := range s.sources {
		if i < len(s.revisions) && repo != "" && src.Chart == "" && src.RepoURL != "" && schema.RepoID(src.RepoURL) == repo {
			return s.revisions[i]
		}
	}
	return ""
}

// key names the application.
func (a application) key() string { return a.Metadata.Namespace + "/" + a.Metadata.Name }

// state is a name for all that is read of the application: it changes exactly when
// that changes, while Argo CD touches an Application every few seconds.
func (a application) state() string {
	b, err := json.Marshal(a)
	if err != nil {
		return ""
	}
	return schema.EventID(string(b))
}
