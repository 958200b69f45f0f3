/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of a worker. */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/filter.h"
#include "daemon/sandbox.h"
#include "daemon/spawn.h"

#ifdef FILTER_IS_KNOWN
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
		    CLONE_NEWNET | CLONE_NEWCGROUP)

/* Types of requests: VFIO and iommufd have one, the kernel's FPGA driver the other. */
#define TYPE_VFIO ';'
#define TYPE_DFL 0xb6
#define TYPE_RDMA 0x1b

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A request of one of these types, or one of these. */
static void put_ioctl(struct filter *p, bool verbs)
{
	static const uint32_t requests[] = { PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_DISABLE,
					     SIOCOUTQ /* what a peer has not acknowledged */ };
	static const uint32_t types[] = { TYPE_VFIO << 8, TYPE_DFL << 8, TYPE_RDMA << 8 };
	unsigned int num_types = verbs ? 3 : 2;

	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(9 + 2 * num_types), SYS_ioctl);
	filter_load(p, FILTER_LOW(1));
	filter_rules(p, requests, 3, SECCOMP_RET_ALLOW);
	filter_put(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff00);
	filter_rules(p, types, num_types, SECCOMP_RET_ALLOW);
	filter_return(p, FILTER_ANSWER(EPERM));
}

/* One's own limits may be read. */
static void put_prlimit(struct filter *p)
{
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 8, SYS_prlimit64);
	filter_load(p, FILTER_LOW(0));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, 0);
	filter_load(p, FILTER_LOW(2));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0);
	filter_load(p, FILTER_HIGH(2));
	filter_put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	filter_return(p, SECCOMP_RET_ALLOW);
	filter_return(p, FILTER_ANSWER(EPERM));
}

/*
 * A peer on a unix socket could be handed descriptors, which he would keep when the session has ended, and
 * could hand over another socket to do it by. What is left of calls on his socket carries bytes alone; and it
 * gets no other number, by which it would be another socket for this filter.
 */
static void put_peer(struct filter *p)
{
	static const uint32_t calls[] = {
		SYS_sendmsg, SYS_recvmsg, SYS_dup, SYS_dup3, SYS_fcntl,
#ifdef __x86_64__
		SYS_dup2,
#endif
	};

	for (size_t i = 0; i < COUNT(calls); i++)
		filter_refuse(p, calls[i], 0, WORKER_PEER);
}

/* ---- the list ---- */

static void put_conditions(struct filter *p, bool locks, bool verbs)
{
	static const uint32_t fcntls[] = { F_DUPFD,	F_DUPFD_CLOEXEC, F_GETFD,	F_SETFD,
					   F_GETFL,	F_SETFL,	 F_ADD_SEALS,	F_GET_SEALS,
					   F_OFD_GETLK, F_OFD_SETLK };
	static const uint32_t prctls[] = { PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */ };
	const uint32_t me[] = { (uint32_t)getpid() };

	put_ioctl(p, verbs);
	filter_sending(p);
	put_peer(p);
	filter_masked(p, SYS_sendmsg, 2, MSG_FASTOPEN, 0, FILTER_ANSWER(EPERM));
	filter_masked(p, SYS_mmap, 2, PROT_EXEC, 0, FILTER_ANSWER(EPERM));
	filter_masked(p, SYS_mprotect, 2, PROT_EXEC, 0, FILTER_ANSWER(EPERM));
	/* the last one is for locks */
	filter_one_of(p, SYS_fcntl, 1, fcntls, COUNT(fcntls) - !locks, FILTER_ANSWER(EPERM));
	filter_one_of(p, SYS_prctl, 0, prctls, COUNT(prctls), FILTER_ANSWER(EPERM));
	filter_one_of(p, SYS_process_vm_readv, 0, me, 1, SECCOMP_RET_KILL_PROCESS);
	filter_one_of(p, SYS_process_vm_writev, 0, me, 1, SECCOMP_RET_KILL_PROCESS);
	filter_one_of(p, SYS_tgkill, 0, me, 1, FILTER_ANSWER(EPERM));
	filter_masked(p, SYS_clone, 0, CLONE_THREAD | NAMESPACES, CLONE_THREAD, FILTER_ANSWER(EPERM));
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

int sandbox_filter(const struct sandbox *s)
{
	struct filter p;

	filter_begin(&p);
	put_conditions(&p, s->locks, s->open_verbs && s->fabric);
	filter_rules(&p, allowed, COUNT(allowed), SECCOMP_RET_ALLOW);
	if (s->fabric)
		filter_rules(&p, of_fabric, COUNT(of_fabric), SECCOMP_RET_ALLOW);
	return filter_enter(&p);
}
#else
int sandbox_filter(const struct sandbox *s)
{
	(void)s;
	return filter_enter(NULL);
}
#endif
