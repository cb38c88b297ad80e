// Package resolve keeps the answer to whose a fact is: of which service and team,
// when it happened. The views owned_… of the schema define the answer; Resolver
// copies what they say into the tables resolved_…, for the facts that are new and
// for those whose names have come to mean something else. Metrics read the tables.
//
// It may not import a source, a client library or anything of internal, and no
// rule of resolution is written here: those are the views.
package resolve
