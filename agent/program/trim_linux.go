package program

import (
	"bufio"
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// trimAfter sets when memory is first given back after the start, trimEvery the interval afterwards.
const (
	trimAfter = 5 * time.Second
	trimEvery = 10 * time.Minute
)

// keepSmall gives memory back that only the start has needed, until ctx ends.
func keepSmall(ctx context.Context) {
	timer := time.NewTimer(trimAfter)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		debug.FreeOSMemory()
		dropProgram()
		timer.Reset(trimEvery)
	}
}

// dropProgram lets go of the pages of the program's own file. The kernel maps generously around every page that is
// used; what goes on being used comes back from the page cache.
func dropProgram() {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer f.Close()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for s := bufio.NewScanner(f); s.Scan(); {
		// "00400000-00a00000 r-xp 00000000 fe:00 1234   /usr/bin/postern-agent"; writable ones hold data
		fields := strings.Fields(s.Text())
		if len(fields) < 6 || fields[5] != self || strings.Contains(fields[1], "w") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 != nil || err2 != nil || end <= start {
			continue
		}
		// The mapping is read-only and backed by the file: nothing is lost (madvise(2)). A failure only saves nothing.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
	}
}
