package sample

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The payloads follow Jira Cloud's "Webhooks" reference: issue and changelog.

const jiraTime = "2006-01-02T15:04:05.000-0700"

// Custom fields of this organisation's Jira.
const (
	FieldTeam       = "customfield_10050"
	FieldCategory   = "customfield_10051"
	FieldTheme      = "customfield_10052"
	FieldCapability = "customfield_10053"
	FieldService    = "customfield_10054"
)

func jiraStamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(jiraTime)
}

func (h *History) jira() []Delivery {
	var out []Delivery
	for _, t := range h.Tickets {
		out = append(out, t.delivery(t.CreatedAt, "jira:issue_created", "To Do", ""))
		if !t.RepliedAt.IsZero() {
			out = append(out, t.delivery(t.RepliedAt, "jira:issue_updated", "In Progress", "To Do"))
		}
		if !t.ReopenedAt.IsZero() {
			out = append(out, t.delivery(t.FirstResolvedAt, "jira:issue_updated", "Done", "In Progress"),
				t.delivery(t.ReopenedAt, "jira:issue_updated", "In Progress", "Done"))
		}
		if t.ResolvedAt.IsZero() {
			continue
		}
		if t.Reopened {
			half := t.RepliedAt.Add(t.ResolvedAt.Sub(t.RepliedAt) / 2)
			out = append(out, t.delivery(half, "jira:issue_updated", "Done", "In Progress"),
				t.delivery(half.Add(10*time.Minute), "jira:issue_updated", "In Progress", "Done"))
		}
		out = append(out, t.delivery(t.ResolvedAt, "jira:issue_updated", "Done", "In Progress"))
	}
	return out
}

func jiraStatus(name string) object {
	category := map[string]string{"To Do": "new", "In Progress": "indeterminate", "Done": "done"}[name]
	return object{
		"self": "https://acme.atlassian.net/rest/api/2/status/" + category, "name": name, "id": map[string]string{"new": "10000", "indeterminate": "3", "done": "10001"}[category],
		"statusCategory": object{"id": 2, "key": category, "name": name, "colorName": "blue-gray"},
	}
}

// IssueTypes are the names that this organisation's Jira has for types of tickets.
func IssueTypes() map[string]string {
	return map[string]string{"support": "Support", "feature": "Feature request", "bug": "Bug", "request": "Service request"}
}

func (t *Ticket) delivery(at time.Time, event, status, before string) Delivery {
	var resolved, resolution any
	if status == "Done" {
		resolved, resolution = jiraStamp(at), object{"id": "10000", "name": "Done"}
	}
	// The organisation's own fields, as Jira sends a select list.
	option := func(value string) any {
		if value == "" {
			return nil
		}
		return object{"self": "https://acme.atlassian.net/rest/api/2/customFieldOption/1", "value": value, "id": "1"}
	}
	o := object{
		"timestamp": at.UnixMilli(), "webhookEvent": event, "issue_event_type_name": "issue_generic",
		"user": object{"accountId": "5b10a2844c20165700ede21g", "displayName": "Platform desk", "accountType": "atlassian"},
		"issue": object{
			"id": strconv.FormatInt(githubID("jira", t.Key), 10), "self": "https://acme.atlassian.net/rest/api/2/issue/" + t.Key, "key": t.Key,
			"fields": object{
				"summary": t.Title, "issuetype": object{"id": "10001", "name": IssueTypes()[t.Type], "subtask": false},
				"project": object{"id": "10010", "key": "PLAT", "name": "Platform desk", "projectTypeKey": "service_desk"},
				"status":  jiraStatus(status), "priority": object{"id": "3", "name": "Medium"}, "labels": []string{}, "components": []object{},
				FieldTeam: option(t.Team), FieldCategory: option(t.Category), FieldTheme: option(t.Theme),
				FieldCapability: option(t.Capability), FieldService: option(t.Service),
				"created": jiraStamp(t.CreatedAt), "updated": jiraStamp(at), "resolutiondate": resolved, "resolution": resolution,
				"reporter": object{"accountId": "5b10ac8d82e05b22cc7d4ef5", "displayName": "Reporter", "accountType": "atlassian"},
				"assignee": nil, "duedate": nil, "description": "Please help.",
			},
		},
	}
	if before != "" {
		items := []object{{
			"field": "status", "fieldtype": "jira", "fieldId": "status", "from": jiraStatus(before)["id"], "fromString": before,
			"to": jiraStatus(status)["id"], "toString": status,
		}}
		item := object{"field": "resolution", "fieldtype": "jira", "fieldId": "resolution", "from": nil, "fromString": nil, "to": nil, "toString": nil}
		switch {
		case status == "Done":
			item["to"], item["toString"] = "10000", "Done"
			items = append(items, item)
		case before == "Done":
			item["from"], item["fromString"] = "10000", "Done"
			items = append(items, item)
		}
		o["changelog"] = object{"id": strconv.FormatInt(githubID("changelog", t.Key, strconv.FormatInt(at.Unix(), 10)), 10), "items": items}
	}
	header := http.Header{}
	header.Set("X-Atlassian-Webhook-Identifier", fmt.Sprintf("%s-%d", t.Key, at.UnixMilli()))
	header.Set("User-Agent", "Atlassian HttpClient")
	return Delivery{At: at, Path: "/hooks/jira", Kind: "jira", Header: header, Body: ready(o)}
}
