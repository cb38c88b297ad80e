package preview

import (
	"bytes"
	"encoding/json"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

const shell = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="headway-base" content="{{.Base}}">
<meta name="headway-grafana" content="{{.Grafana}}">
<title>{{.Title}} · Headway preview</title>
<link rel="icon" href="data:,">
{{if .Built}}<link rel="stylesheet" href="{{.Base}}/assets/preview.css">
<script src="{{.Base}}/assets/preview.js" defer></script>{{end}}
</head>
<body>
{{if .Built}}<noscript><p>The preview draws charts with JavaScript. Grafana or <code>headway metrics get</code> show the same numbers.</p></noscript>
<div id="app"></div>{{else}}<main><h1>The preview has not been built</h1>
<p>This binary was compiled without the browser's part of the preview. Build it, then build Headway again:</p>
<pre>{{.Command}}</pre>
<p>The same dashboards are in <code>deploy/grafana/dashboards</code>, for Grafana.</p></main>{{end}}
</body>
</html>
`

type shellData struct {
	Base, Grafana, Title, Command string
	Built                         bool
}

func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, s.opts.Base+"/d/"+s.opts.Dashboards[0].Model.UID, http.StatusFound)
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	d, found := s.find(r.PathValue("uid"))
	if !found {
		http.Error(w, "There is no dashboard with this uid.", http.StatusNotFound)
		return
	}
	_, err := fs.Stat(s.assets, "preview.js")
	data := shellData{
		Base: s.opts.Base, Grafana: s.opts.GrafanaURL, Title: d.Model.Title,
		Command: BuildCommand, Built: err == nil,
	}
	var out bytes.Buffer
	t, err := template.New("shell").Parse(shell)
	if err == nil {
		err = t.Execute(&out, data)
	}
	if err != nil {
		s.opts.Logger.ErrorContext(r.Context(), "preview page failed", "error", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	if !data.Built {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	s.write(w, r, "text/html; charset=utf-8", out.Bytes())
}

func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.PathValue("file"))
	kind := mime.TypeByExtension(path.Ext(name))
	raw, err := fs.ReadFile(s.assets, name)
	if err != nil || (path.Ext(name) != ".js" && path.Ext(name) != ".css") {
		http.NotFound(w, r)
		return
	}
	// The bundle changes with the binary, whose start the browser cannot see.
	w.Header().Set("Cache-Control", "no-cache")
	s.write(w, r, kind, raw)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		UID   string   `json:"uid"`
		Title string   `json:"title"`
		Tags  []string `json:"tags"`
	}
	var out []entry
	for _, d := range s.opts.Dashboards {
		out = append(out, entry{d.Model.UID, d.Model.Title, d.Model.Tags})
	}
	raw, err := json.Marshal(out)
	if err != nil {
		s.opts.Logger.ErrorContext(r.Context(), "listing dashboards failed", "error", err)
		http.Error(w, "The list could not be made.", http.StatusInternalServerError)
		return
	}
	s.write(w, r, "application/json", raw)
}

func (s *Server) dashboard(w http.ResponseWriter, r *http.Request) {
	d, found := s.find(r.PathValue("uid"))
	if !found {
		http.Error(w, "There is no dashboard with this uid.", http.StatusNotFound)
		return
	}
	s.write(w, r, "application/json", d.Raw)
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", kind)
	}
	if _, err := w.Write(body); err != nil { //nolint:gosec // pages come from html/template, models from the generator.
		s.opts.Logger.DebugContext(r.Context(), "preview client went away", "error", err)
	}
}
