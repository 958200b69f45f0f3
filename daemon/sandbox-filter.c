/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filter of system calls, written out: it is a list of numbers with few conditions, for which the
 * kernel's own form is short enough, and no library has to be there. Calls that are allowed whatever they
 * are given cost nothing, for the kernel keeps those in a table; the others come first, as they are looked up
 * each time.
 *
 * What is not named answers EPERM: a library may try it, and goes on without. What no honest program does
 * here ends the process, and the monitor says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/sandbox.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH
#define X32 0x40000000u /* calls of another kind on the same processor */
#define NEWER 463u	/* from here on, of kernels that this list knows nothing of */
#define PROGRAM_MAX 1024

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
		    CLONE_NEWNET | CLONE_NEWCGROUP)

/* Types of requests: VFIO and iommufd have one, the kernel's FPGA driver the other. */
#define TYPE_VFIO ';'
#define TYPE_DFL 0xb6

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short len;
};

static void put(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (p->len < PROGRAM_MAX)
		p->code[p->len++] = (struct sock_filter){ code, yes, no, k };
}

/* ---- the pieces: the number is loaded, and is so again behind each ---- */

#define ANSWER(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))
#define LOW(n) (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (n))
#define HIGH(n) (LOW(n) + 4)

static void put_load(struct program *p, uint32_t at)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, at);
}

static void put_return(struct program *p, uint32_t what)
{
	put(p, BPF_RET | BPF_K, 0, 0, what);
}

static void put_rule(struct program *p, uint32_t nr, uint32_t what)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr);
	put_return(p, what);
}

static void put_rules(struct program *p, const uint32_t *nr, size_t n, uint32_t what)
{
	for (size_t i = 0; i < n; i++)
		put_rule(p, nr[i], what);
}

/* Allowed when the bits of an int in `mask` are `value`, else as `what` says. */
static void put_masked(struct program *p, uint32_t nr, unsigned int arg, uint32_t mask, uint32_t value,
		       uint32_t what)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, nr);
	put_load(p, LOW(arg));
	put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
	put_return(p, SECCOMP_RET_ALLOW);
	put_return(p, what);
}

/* Allowed when the argument, masked, is one of these. */
static void put_one_of(struct program *p, uint32_t nr, unsigned int arg, const uint32_t *values, uint8_t n,
		       uint32_t what)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(n * 2 + 2), nr);
	put_load(p, LOW(arg));
	put_rules(p, values, n, SECCOMP_RET_ALLOW);
	put_return(p, what);
}

/* A request of one of these types, or one of these. */
static void put_ioctl(struct program *p)
{
	static const uint32_t requests[] = { PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
					     SIOCOUTQ /* what a peer has not acknowledged */ };
	static const uint32_t types[] = { TYPE_VFIO << 8, TYPE_DFL << 8 };

	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 13, SYS_ioctl);
	put_load(p, LOW(1));
	put_rules(p, requests, 3, SECCOMP_RET_ALLOW);
	put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff00);
	put_rules(p, types, 2, SECCOMP_RET_ALLOW);
	put_return(p, ANSWER(EPERM));
}

/* To no address, and without the flag by which a TCP socket lets itself be connected anew. */
static void put_sendto(struct program *p)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 9, SYS_sendto);
	put_load(p, LOW(4));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 6, 0);
	put_load(p, HIGH(4));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0);
	put_load(p, LOW(3));
	put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, MSG_FASTOPEN);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	put_return(p, SECCOMP_RET_ALLOW);
	put_return(p, ANSWER(EPERM));
}

/* One's own limits may be read. */
static void put_prlimit(struct program *p)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 8, SYS_prlimit64);
	put_load(p, LOW(0));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, 0);
	put_load(p, LOW(2));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
	put_load(p, HIGH(2));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	put_return(p, SECCOMP_RET_ALLOW);
	put_return(p, ANSWER(EPERM));
}

/* ---- the list ---- */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void put_conditions(struct program *p)
{
	static const uint32_t fcntls[] = { F_DUPFD,	F_DUPFD_CLOEXEC, F_GETFD,	F_SETFD,
					   F_GETFL,	F_SETFL,	 F_ADD_SEALS,	F_GET_SEALS,
					   F_OFD_SETLK, F_OFD_SETLKW,	 F_OFD_GETLK };
	static const uint32_t prctls[] = { PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */ };
	const uint32_t me[] = { (uint32_t)getpid() };

	put_ioctl(p);
	put_sendto(p);
	put_masked(p, SYS_sendmsg, 2, MSG_FASTOPEN, 0, ANSWER(EPERM));
	put_masked(p, SYS_mmap, 2, PROT_EXEC, 0, ANSWER(EPERM));
	put_masked(p, SYS_mprotect, 2, PROT_EXEC, 0, ANSWER(EPERM));
	put_one_of(p, SYS_fcntl, 1, fcntls, COUNT(fcntls), ANSWER(EPERM));
	put_one_of(p, SYS_prctl, 0, prctls, COUNT(prctls), ANSWER(EPERM));
	put_one_of(p, SYS_process_vm_readv, 0, me, 1, SECCOMP_RET_KILL_PROCESS);
	put_one_of(p, SYS_process_vm_writev, 0, me, 1, SECCOMP_RET_KILL_PROCESS);
	put_one_of(p, SYS_tgkill, 0, me, 1, ANSWER(EPERM));
	put_masked(p, SYS_clone, 0, CLONE_THREAD | NAMESPACES, CLONE_THREAD, ANSWER(EPERM));
	put_masked(p, SYS_newfstatat, 3, ~0u, AT_EMPTY_PATH, ANSWER(ENOENT));
	put_prlimit(p);
}

static const uint32_t allowed[] = {
	/* descriptors */
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
	SYS_preadv2, SYS_pwritev2, SYS_close, SYS_close_range, SYS_fstat, SYS_lseek, SYS_ftruncate,
	SYS_fallocate, SYS_dup, SYS_dup3, SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl,
	SYS_epoll_pwait, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
	SYS_memfd_create,
	/* the sockets that it has */
	SYS_recvfrom, SYS_recvmsg, SYS_shutdown, SYS_getsockopt, SYS_getsockname, SYS_getpeername,
	/* memory */
	SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_mincore, SYS_msync, SYS_membarrier,
	/* threads, signals of its own, time */
	SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid,
	SYS_geteuid,
	SYS_getgid, SYS_getegid, SYS_sched_yield, SYS_sched_getaffinity, SYS_getcpu, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_restart_syscall,
	SYS_exit, SYS_exit_group, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres,
	SYS_gettimeofday, SYS_setitimer, SYS_getitimer, SYS_times, SYS_getrusage, SYS_getrandom, SYS_uname,
	SYS_sysinfo,
#ifdef __x86_64__
	SYS_poll, SYS_select, SYS_dup2, SYS_epoll_wait, SYS_alarm, SYS_time, SYS_arch_prctl,
#endif
};

/* What a fabric makes of its own listening socket: its peer's connection. */
static const uint32_t of_fabric[] = {
	SYS_accept, SYS_accept4, SYS_setsockopt, SYS_socketpair,
#ifdef __x86_64__
	SYS_epoll_create,
#endif
};

/* There is no such file: what a program finds that looks for one. */
static const uint32_t nowhere[] = {
	SYS_openat, SYS_openat2, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_statx, SYS_statfs,
	SYS_chdir,
	SYS_getcwd,
#ifdef __x86_64__
	SYS_open, SYS_access, SYS_readlink, SYS_stat, SYS_lstat,
#endif
};

/* What a program does not have in these tables of a kernel that is too old, and knows how to go on. */
static const uint32_t too_new[] = { SYS_clone3 };

static const uint32_t deadly[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_kcmp, SYS_pidfd_open, SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_process_madvise, SYS_move_pages, SYS_migrate_pages, SYS_mount, SYS_umount2, SYS_pivot_root,
	SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
	SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl, SYS_add_key,
	SYS_request_key,
	SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, SYS_open_by_handle_at,
	SYS_name_to_handle_at, SYS_fanotify_init, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
	SYS_syslog, SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname,
	SYS_setdomainname, SYS_personality, SYS_capset, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid,
	SYS_setresuid, SYS_setresgid, SYS_setgroups, SYS_setfsuid, SYS_setfsgid, SYS_mknodat, SYS_vhangup,
	SYS_seccomp, SYS_pkey_mprotect, SYS_remap_file_pages,
#ifdef __x86_64__
	SYS_mknod, SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_kexec_file_load,
#endif
};

/*
 * Of a program that is built with a sanitizer: at its end another thread of its own stops it, to look for
 * leaks, and reads /proc, which is in its root then; this and the same word in sandbox.c are all of it.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const uint32_t sanitizers[] = {
	SYS_ptrace, SYS_wait4, SYS_clone, SYS_clone3, SYS_prctl, SYS_openat, SYS_readlinkat, SYS_getdents64,
	SYS_newfstatat, SYS_kill, SYS_tkill, SYS_prlimit64, SYS_mprotect, SYS_getcwd, SYS_statx,
#ifdef __x86_64__
	SYS_open, SYS_readlink, SYS_getdents, SYS_stat, SYS_lstat, SYS_access,
#endif
};
#else
static const uint32_t sanitizers[] = { SYS_getpid };
#endif

static void write_program(struct program *p, bool fabric)
{
	put_load(p, offsetof(struct seccomp_data, arch));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_load(p, offsetof(struct seccomp_data, nr));
	put(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_rules(p, sanitizers, COUNT(sanitizers), SECCOMP_RET_ALLOW);
	put_conditions(p);
	put_rules(p, allowed, COUNT(allowed), SECCOMP_RET_ALLOW);
	if (fabric)
		put_rules(p, of_fabric, COUNT(of_fabric), SECCOMP_RET_ALLOW);
	put_rules(p, nowhere, COUNT(nowhere), ANSWER(ENOENT));
	put_rules(p, too_new, COUNT(too_new), ANSWER(ENOSYS));
	put_rules(p, deadly, COUNT(deadly), SECCOMP_RET_KILL_PROCESS);
	put(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, NEWER);
	put_return(p, ANSWER(ENOSYS));
	put_return(p, ANSWER(EPERM));
}

/* For who looks for a call that is missing here: the kernel's log names each that is refused. */
static bool wants_log(void)
{
	const char *level = secure_getenv("LIBOPAE_LOG");

	return level && strtol(level, NULL, 10) >= 2;
}

int sandbox_filter(bool fabric)
{
	struct program p = { .len = 0 };
	struct sock_fprog whole = { .filter = p.code };
	unsigned int flags = SECCOMP_FILTER_FLAG_TSYNC | (wants_log() ? SECCOMP_FILTER_FLAG_LOG : 0);

	write_program(&p, fabric);
	whole.len = p.len;
	if (p.len == PROGRAM_MAX)
		return -E2BIG;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole))
		return -errno;
	return 0;
}
#else
int sandbox_filter(bool fabric)
{
	(void)fabric;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : -ENOSYS; /* its numbers are not known here */
}
#endif
