// Package identitytest gives tests of identities a store in memory.
package identitytest
