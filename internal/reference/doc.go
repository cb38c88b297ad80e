// Package reference writes docs/reference/sources.md from the registry of sources,
// from the examples in their README.md, and from the traps in their package
// comments, so that the page cannot say what the code does not. It also holds the
// rules that every README.md of a source keeps. Nothing here runs in a process
// that collects.
package reference
