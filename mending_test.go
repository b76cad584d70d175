package postern_test

// mended lists, for a rule, the rooms that do not keep it yet. It gets shorter and nothing is added to it.
var mended = map[string][]string{
	"clock": {
		"network/fabric", "network/fabric/internal/wg", "network/link/tunnel", "network/privatelink",
	},
}

// mending reports whether a directory need not keep a rule yet.
func mending(rule, dir string) bool { return withinAny(mended[rule], dir) }
