// Package conform holds the program itself, as a process of its own, against what it promises its clients.
package conform
