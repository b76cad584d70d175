// Package identitytest is what tests of identities share: a store in memory, and the suite that every identity.Store
// must pass.
package identitytest
