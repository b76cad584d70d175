package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Percentile is the smallest value that at least p per cent (0 < p ≤ 100) of the values do not exceed: the nearest
// rank. Of no values it is zero.
func Percentile[T cmp.Ordered](values []T, p float64) T {
	var none T
	if len(values) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median is the middle value; of an even number of values, the lower one of the two.
func Median[T cmp.Ordered](values []T) T { return Percentile(values, 50) }

// Bytes writes a size with a binary unit.
func Bytes(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 || value >= 100 {
		return fmt.Sprintf("%.0f %s", value, units[unit])
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// Kilobytes writes a size in units of 1,000 bytes, as targets for memory have it.
func Kilobytes(bytes float64) string { return fmt.Sprintf("%.1f KB", bytes/1000) }

// Rate writes bytes per second.
func Rate(megabytes float64) string { return Thousands(megabytes) + " MB/s" }

// Percent writes a share of 1.
func Percent(share float64) string {
	if share < 0.1 {
		return fmt.Sprintf("%.1f %%", 100*share)
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// Thousands writes a number without fraction, in groups of three digits.
func Thousands(n float64) string {
	digits := strconv.FormatInt(int64(math.Round(n)), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Time writes a duration with three digits that matter.
func Time(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	case d < 100*time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
