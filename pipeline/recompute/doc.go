// Package recompute derives the whole history anew beside the one in force, switches
// to it, and says so in an annotation. The rules are those of pipeline/derive; how
// tables are copied and exchanged is the warehouse's business. It imports no client
// library: what it needs of the outside it declares (Warehouse, Copies, Dirty).
//
// Until the switch nobody sees anything of it. An interruption before leaves the old
// tables in force and at most tables that the next run drops; the switch itself and
// what follows is not interrupted by a cancelled context.
//
// A pipeline may run meanwhile. What it derives during the run is derived once more
// before the switch, and everything again by it afterwards (only what differs is
// written). It has to be of the same version with the same options, else it would
// bring back what it thinks right.
package recompute
