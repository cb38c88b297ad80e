// Package cloudrun asks Google Cloud Run which services and jobs there are, once a day
// (cloud.google.com/run/docs/reference/rest, v2). It is the only room that knows
// Google's credentials.
//
// The traps, each with a test of its name:
//   - a snapshot must be whole: nothing is said of a project before all its regions were
//     listed to their end (TestASnapshotIsWhole);
//   - the lists take no wildcard for the region, so that the regions are asked for first,
//     in the API's first version, which alone lists them (TestEachRegionIsAskedFor);
//   - a resource says who made and who last changed it: neither is kept
//     (TestNobodyIsKept);
//   - credentials are replaced: they are read before each reading
//     (TestCredentialsAreReadBeforeEachReading);
//   - who refuses a token is another server than the API, and says why
//     (TestARefusedTokenSaysSo).
package cloudrun
