package trivy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// file is the part of the command's report that is read.
type file struct {
	CreatedAt    time.Time `json:"CreatedAt"`
	ArtifactName string    `json:"ArtifactName"`
	ArtifactType string    `json:"ArtifactType"`
	Results      []struct {
		Target          string `json:"Target"`
		Class           string `json:"Class"`
		Vulnerabilities []struct {
			VulnerabilityID string `json:"VulnerabilityID"`
			PkgName         string `json:"PkgName"`
			PkgPath         string `json:"PkgPath"`
			Title           string `json:"Title"`
			Severity        string `json:"Severity"`
			PrimaryURL      string `json:"PrimaryURL"`
		} `json:"Vulnerabilities"`
		Misconfigurations []struct {
			ID         string `json:"ID"`
			Title      string `json:"Title"`
			Severity   string `json:"Severity"`
			Status     string `json:"Status"`
			PrimaryURL string `json:"PrimaryURL"`
		} `json:"Misconfigurations"`
		Secrets []struct {
			RuleID    string `json:"RuleID"`
			Title     string `json:"Title"`
			Severity  string `json:"Severity"`
			StartLine int    `json:"StartLine"`
		} `json:"Secrets"`
		Licenses []struct {
			Name     string `json:"Name"`
			PkgName  string `json:"PkgName"`
			FilePath string `json:"FilePath"`
			Severity string `json:"Severity"`
		} `json:"Licenses"`
	} `json:"Results"`
}

func fileReport(data []byte, origin generic.Origin, received time.Time) (*report, error) {
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	if f.ArtifactName == "" {
		return nil, errors.New("ArtifactName is missing: nothing says what was scanned")
	}
	r := &report{scan: schema.Scan{At: f.CreatedAt, Target: f.ArtifactName, Repo: origin.Repo, ServiceRef: origin.Service}}
	if r.scan.At.IsZero() {
		r.scan.At = received // Trivy before 0.44 does not say when.
	}
	switch f.ArtifactType {
	case "container_image":
		r.scan.Target = imageName(f.ArtifactName)
	case "repository":
		if r.scan.Repo == "" && strings.Contains(f.ArtifactName, "://") {
			r.scan.Repo = schema.RepoID(f.ArtifactName)
		}
	}
	r.series = strings.Join([]string{Name, origin.Service, r.scan.Repo, f.ArtifactType, r.scan.Target}, "|")
	for _, res := range f.Results {
		// Packages of the operating system stand under a target that names the tag.
		path := res.Target
		if res.Class == "os-pkgs" {
			path = ""
		}
		for _, v := range res.Vulnerabilities {
			r.add(&schema.Finding{
				Meta: schema.Meta{URL: v.PrimaryURL}, Kind: schema.FindingVulnerability, Rule: v.VulnerabilityID, Title: v.Title, Package: v.PkgName,
				Path: cmp.Or(v.PkgPath, path), Severity: schema.Severity(v.Severity), Fingerprint: schema.Fingerprint(v.VulnerabilityID, v.PkgName),
			})
		}
		for _, m := range res.Misconfigurations {
			if m.Status == "PASS" {
				continue
			}
			r.add(&schema.Finding{
				Meta: schema.Meta{URL: m.PrimaryURL}, Kind: schema.FindingMisconfiguration, Rule: m.ID, Title: m.Title, Path: path,
				Severity: schema.Severity(m.Severity), Fingerprint: schema.Fingerprint(m.ID, path),
			})
		}
		for _, x := range res.Secrets {
			r.add(&schema.Finding{
				Kind: schema.FindingSecret, Rule: x.RuleID, Title: x.Title, Path: path, Severity: schema.Severity(x.Severity),
				Fingerprint: schema.Fingerprint(x.RuleID, path, strconv.Itoa(x.StartLine)),
			})
		}
		for _, l := range res.Licenses {
			r.add(&schema.Finding{
				Kind: schema.FindingLicense, Rule: l.Name, Title: l.Name, Package: l.PkgName, Path: cmp.Or(l.FilePath, path),
				Severity: schema.Severity(l.Severity), Fingerprint: schema.Fingerprint(l.Name, cmp.Or(l.PkgName, l.FilePath)),
			})
		}
	}
	return r, nil
}
