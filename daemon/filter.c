/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef FILTER_IS_KNOWN
#define X32 0x40000000u /* calls of another kind on the same processor */
#define NEWER 463u	/* from here on, of kernels that this list knows nothing of */

void filter_put(struct filter *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (p->len < FILTER_MAX)
		p->code[p->len++] = (struct sock_filter){ code, yes, no, k };
}

/* ---- the pieces: the number is loaded, and is so again behind each ---- */

void filter_load(struct filter *p, uint32_t at)
{
	filter_put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, at);
}

void filter_return(struct filter *p, uint32_t what)
{
	filter_put(p, BPF_RET | BPF_K, 0, 0, what);
}

static void put_rule(struct filter *p, uint32_t nr, uint32_t what)
{
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, nr);
	filter_return(p, what);
}

void filter_rules(struct filter *p, const uint32_t *nr, size_t n, uint32_t what)
{
	for (size_t i = 0; i < n; i++)
		put_rule(p, nr[i], what);
}

void filter_masked(struct filter *p, uint32_t nr, unsigned int arg, uint32_t mask, uint32_t value,
		       uint32_t what)
{
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, nr);
	filter_load(p, FILTER_LOW(arg));
	filter_put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
	filter_return(p, SECCOMP_RET_ALLOW);
	filter_return(p, what);
}

void filter_one_of(struct filter *p, uint32_t nr, unsigned int arg, const uint32_t *values, uint8_t n,
		       uint32_t what)
{
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(n * 2 + 2), nr);
	filter_load(p, FILTER_LOW(arg));
	filter_rules(p, values, n, SECCOMP_RET_ALLOW);
	filter_return(p, what);
}

void filter_refuse(struct filter *p, uint32_t nr, unsigned int arg, uint32_t value)
{
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, nr);
	filter_load(p, FILTER_LOW(arg));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
	filter_return(p, FILTER_ANSWER(EPERM));
	filter_load(p, offsetof(struct seccomp_data, nr));
}

void filter_sending(struct filter *p)
{
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 9, SYS_sendto);
	filter_load(p, FILTER_LOW(4));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 6, 0);
	filter_load(p, FILTER_HIGH(4));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0);
	filter_load(p, FILTER_LOW(3));
	filter_put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, MSG_FASTOPEN);
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	filter_return(p, SECCOMP_RET_ALLOW);
	filter_return(p, FILTER_ANSWER(EPERM));
}

/* ---- what is the same for all ---- */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* There is no such file: what a program finds that looks for one. */
static const uint32_t nowhere[] = {
	SYS_openat, SYS_openat2, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_newfstatat, SYS_statx,
	SYS_statfs, SYS_chdir, SYS_getcwd,
#ifdef __x86_64__
	SYS_open, SYS_access, SYS_readlink, SYS_stat, SYS_lstat,
#endif
};

/* What a program does not have in these tables of a kernel that is too old, and knows how to go on. */
static const uint32_t too_new[] = { SYS_clone3 };

static const uint32_t deadly[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_kcmp, SYS_pidfd_open, SYS_pidfd_getfd,
	SYS_pidfd_send_signal,
	SYS_process_vm_readv, SYS_process_vm_writev,
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
	SYS_sigaltstack, SYS_rt_sigaction, SYS_sched_yield, SYS_nanosleep, SYS_clock_nanosleep,
	SYS_sched_getaffinity, SYS_getppid,
#ifdef __x86_64__
	SYS_open, SYS_readlink, SYS_getdents, SYS_stat, SYS_lstat, SYS_access,
#endif
};
#else
static const uint32_t sanitizers[] = { SYS_getpid };
#endif

void filter_begin(struct filter *p)
{
	p->len = 0;
	filter_load(p, offsetof(struct seccomp_data, arch));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH);
	filter_return(p, SECCOMP_RET_KILL_PROCESS);
	filter_load(p, offsetof(struct seccomp_data, nr));
	filter_put(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32);
	filter_return(p, SECCOMP_RET_KILL_PROCESS);
	filter_rules(p, sanitizers, COUNT(sanitizers), SECCOMP_RET_ALLOW);
}

static void end(struct filter *p)
{
	filter_rules(p, nowhere, COUNT(nowhere), FILTER_ANSWER(ENOENT));
	filter_rules(p, too_new, COUNT(too_new), FILTER_ANSWER(ENOSYS));
	filter_rules(p, deadly, COUNT(deadly), SECCOMP_RET_KILL_PROCESS);
	filter_put(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, NEWER);
	filter_return(p, FILTER_ANSWER(ENOSYS));
	filter_return(p, FILTER_ANSWER(EPERM));
}

/* For who looks for a call that is missing here: the kernel's log names each that is refused. */
static bool wants_log(void)
{
	const char *level = secure_getenv("LIBOPAE_LOG");

	return level && strtol(level, NULL, 10) >= 2;
}

int filter_enter(struct filter *p)
{
	struct sock_fprog whole = { .filter = p->code };
	unsigned int flags = SECCOMP_FILTER_FLAG_TSYNC | (wants_log() ? SECCOMP_FILTER_FLAG_LOG : 0);

	end(p);
	whole.len = p->len;
	if (p->len == FILTER_MAX)
		return -E2BIG;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &whole))
		return -errno;
	return 0;
}
#else
int filter_enter(struct filter *p)
{
	(void)p;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : -ENOSYS; /* its numbers are not known here */
}
#endif
