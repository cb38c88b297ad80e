// Package oracle computes what the metrics of a sample organisation must be, from
// its records alone: slow, obvious code that follows the written definitions and
// looks at everything anew for every bucket. It shares nothing with Headway. The
// pipeline, its tables and its SQL may not enter.
//
// It knows the records and, where systems tell less than what happened, what they
// tell: CDEvents has no type for a failed deployment, a GitOps repository shows a
// version only when it changes, and a repository read from disk has no requests.
package oracle
