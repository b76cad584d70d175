package identitytest

import "postern/record"

// Store keeps identities in memory. Its zero value is empty and ready.
type Store = record.Memory
