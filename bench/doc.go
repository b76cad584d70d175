// Command bench measures Postern and writes docs/performance.md: each figure with its reference of the same run, its
// target, and what limits it.
//
//	go run ./bench                        everything
//	go run ./bench -only judge,pipeline   some parts, printed instead of written
//
// It measures the programs in bin, which `make build` makes, and the benchmarks of the packages. All it starts it ends.
package main
