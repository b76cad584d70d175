// Package reach measures what one change costs in a large network, for the benchmark of that name. It holds benchmarks
// only.
package reach
