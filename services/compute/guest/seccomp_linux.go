package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// auditArch is how the kernel names the architecture of a system call (linux/audit.h).
var auditArch = map[string]uint32{
	"386":     unix.AUDIT_ARCH_I386,
	"amd64":   unix.AUDIT_ARCH_X86_64,
	"arm":     unix.AUDIT_ARCH_ARM,
	"arm64":   unix.AUDIT_ARCH_AARCH64,
	"loong64": unix.AUDIT_ARCH_LOONGARCH64, "ppc64le": unix.AUDIT_ARCH_PPC64LE, "riscv64": unix.AUDIT_ARCH_RISCV64,
	"s390x": unix.AUDIT_ARCH_S390X,
}

// refused are the system calls that no process of a guest may make, with the error that it gets: they reach what
// namespaces do not part from the host, or from the guest's first process. Where programs do without on a kernel that
// lacks a call, they get ENOSYS.
var refused = []struct {
	call  uint32
	errno unix.Errno
}{
	// Keys belong to users and sessions of the host, and a request for one starts a program there (keyrings(7)).
	{unix.SYS_ADD_KEY, unix.ENOSYS}, {unix.SYS_REQUEST_KEY, unix.ENOSYS}, {unix.SYS_KEYCTL, unix.ENOSYS},
	// Programs in the kernel, its modules, another kernel, its log, its clock, its swap.
	{unix.SYS_BPF, unix.EPERM}, {unix.SYS_PERF_EVENT_OPEN, unix.EPERM},
	{unix.SYS_INIT_MODULE, unix.EPERM}, {unix.SYS_FINIT_MODULE, unix.EPERM}, {unix.SYS_DELETE_MODULE, unix.EPERM},
	{unix.SYS_KEXEC_LOAD, unix.EPERM}, {unix.SYS_KEXEC_FILE_LOAD, unix.EPERM}, {unix.SYS_SYSLOG, unix.EPERM},
	{unix.SYS_SETTIMEOFDAY, unix.EPERM}, {unix.SYS_CLOCK_SETTIME, unix.EPERM}, {unix.SYS_ACCT, unix.EPERM},
	{unix.SYS_SWAPON, unix.EPERM}, {unix.SYS_SWAPOFF, unix.EPERM}, {unix.SYS_QUOTACTL, unix.EPERM},
	// Files by their handle, past every directory; other processes' memory, page faults and descriptors.
	{unix.SYS_OPEN_BY_HANDLE_AT, unix.EPERM}, {unix.SYS_USERFAULTFD, unix.EPERM}, {unix.SYS_KCMP, unix.EPERM},
	{unix.SYS_PROCESS_VM_READV, unix.EPERM}, {unix.SYS_PROCESS_VM_WRITEV, unix.EPERM}, {unix.SYS_PIDFD_GETFD, unix.EPERM},
	// A second way to make most other system calls, which a filter does not see.
	{unix.SYS_IO_URING_SETUP, unix.ENOSYS}, {unix.SYS_IO_URING_ENTER, unix.ENOSYS},
	{unix.SYS_IO_URING_REGISTER, unix.ENOSYS},
}

// families are the kinds of sockets that a guest may have. Others are not the network namespace's alone (AF_VSOCK talks
// to the machine's hypervisor), or are code of the kernel that nodes have no use for.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK, unix.AF_PACKET}

// Offsets in struct seccomp_data (linux/seccomp.h).
const (
	offsetCall = 0
	offsetArch = 4
	offsetArgs = 16
)

// x32Bit marks system calls of the x32 ABI, which amd64 has beside its own.
const x32Bit = 0x40000000

// filter puts this thread, and all that it becomes and starts, behind the filter.
func filter() error {
	program, err := filterProgram()
	if err != nil {
		return err
	}
	raw := make([]unix.SockFilter, len(program))
	for i, in := range program {
		raw[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	f := unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]}
	// CAP_SYS_ADMIN is still there, so that set-user-ID programs of the guest go on to work (no PR_SET_NO_NEW_PRIVS).
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0,
		uintptr(unsafe.Pointer(&f))); errno != 0 {
		if errors.Is(errno, unix.ENOSYS) || errors.Is(errno, unix.EINVAL) {
			return &Missing{"seccomp", "the kernel has no filters for system calls: " + errno.Error(),
				"run a kernel with CONFIG_SECCOMP_FILTER"}
		}
		return fmt.Errorf("filter system calls: %w", errno)
	}
	return nil
}

// filterProgram is the filter: system calls of another architecture do not exist, those above are refused, all others
// are let through.
func filterProgram() ([]bpf.RawInstruction, error) {
	arch, ok := auditArch[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("no filter for system calls of %s is known", runtime.GOARCH)
	}
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1}, fails(unix.ENOSYS),
		bpf.LoadAbsolute{Off: offsetCall, Size: 4},
	}
	if runtime.GOARCH == "amd64" {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: x32Bit, SkipTrue: 1}, fails(unix.ENOSYS))
	}
	for _, r := range refused {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.call, SkipFalse: 1}, fails(r.errno))
	}
	program = append(program, when(unix.SYS_PTRACE, ptraceOfInit())...)
	for _, call := range []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR} {
		program = append(program, when(call, socketFamilies())...)
	}
	return bpf.Assemble(append(program, passes))
}

var passes = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}

func fails(e unix.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(e)&unix.SECCOMP_RET_DATA}
}

// when runs then, which must return, for one system call.
func when(call uint32, then []bpf.Instruction) []bpf.Instruction {
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: uint8(len(then))}}, then...)
}

// argument loads the lower half of a system call's argument: all of those that are looked at are of 32 bits.
func argument(n uint32) bpf.Instruction {
	low := uint32(0)
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		low = 4
	}
	return bpf.LoadAbsolute{Off: offsetArgs + 8*n + low, Size: 4}
}

// ptraceOfInit keeps a guest's programs from stopping its first process.
func ptraceOfInit() []bpf.Instruction {
	return []bpf.Instruction{
		argument(0),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PTRACE_ATTACH, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PTRACE_SEIZE, SkipTrue: 1},
		passes,
		argument(1),
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 1, SkipTrue: 1},
		fails(unix.EPERM),
		passes,
	}
}

func socketFamilies() []bpf.Instruction {
	then := []bpf.Instruction{argument(0)}
	for _, f := range families {
		then = append(then, bpf.JumpIf{Cond: bpf.JumpEqual, Val: f, SkipFalse: 1}, passes)
	}
	return append(then, fails(unix.EAFNOSUPPORT))
}
