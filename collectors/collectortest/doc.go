// Package collectortest holds the contract that every source must keep, and
// golden files for the facts that it makes. A source's own test calls Check and
// Golden; what they demand is what the rest of Headway relies on.
package collectortest
