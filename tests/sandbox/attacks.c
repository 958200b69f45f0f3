/* SPDX-License-Identifier: BSD-3-Clause */
/* Attacks on other processes, the network, memory and privileges. Past the C library. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/spawn.h"
#include "tests/sandbox/attacker.h"

static long result(long rc)
{
	return rc < 0 ? -errno : rc;
}

static long number(const char *arg)
{
	return strtol(arg, NULL, 10);
}

/* A page that nobody else uses: for what is called with an address. */
static void *page(int prot)
{
	return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- what a worker must be able to do ---- */

static void *thread(void *arg)
{
	return arg;
}

static long innocent(const char *arg)
{
	pthread_t t;
	int fd = memfd_create("x", MFD_CLOEXEC), prot = PROT_READ | PROT_WRITE;

	(void)arg;
	if (fd < 0 || ftruncate(fd, 4096) || mmap(NULL, 4096, prot, MAP_SHARED, fd, 0) == MAP_FAILED)
		return -errno;
	if (pthread_create(&t, NULL, thread, NULL) || pthread_join(t, NULL))
		return -EAGAIN;
	return fd;
}

/* ---- processes ---- */

static long exec_it(const char *path)
{
	char *args[] = { NULL, NULL }, *env[] = { NULL };

	args[0] = strdup("x");
	return result(syscall(SYS_execve, path, args, env));
}

static long exec_at(const char *arg)
{
	char *args[] = { NULL, NULL }, *env[] = { NULL };
	int fd = memfd_create("x", 0);

	(void)arg;
	args[0] = strdup("x");
	if (write(fd, "#!/bin/true\n", 12) != 12)
		return -errno;
	return result(syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH));
}

static long clone_it(unsigned long flags)
{
	long pid = result(syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL));

	if (!pid)
		_exit(0);
	return pid;
}

static long fork_it(const char *arg)
{
	(void)arg;
	return clone_it(0);
}

static long fork_old(const char *arg)
{
#ifdef SYS_fork
	long pid = result(syscall(SYS_fork));

	(void)arg;
	if (!pid)
		_exit(0);
	return pid;
#else
	return fork_it(arg);
#endif
}

static long clone_user(const char *arg)
{
	(void)arg;
	return clone_it(CLONE_NEWUSER);
}

static long clone3_it(const char *arg)
{
	uint64_t args[11] = { [4] = SIGCHLD };
	long pid = result(syscall(SYS_clone3, args, sizeof(args)));

	(void)arg;
	if (!pid)
		_exit(0);
	return pid;
}

static long ptrace_it(const char *arg)
{
	return result(syscall(SYS_ptrace, PTRACE_SEIZE, number(arg), 0, 0));
}

static long read_memory(const char *arg)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)(uintptr_t)0x400000, 1 };

	return result(syscall(SYS_process_vm_readv, number(arg), &here, 1, &there, 1, 0));
}

static long kill_it(const char *arg)
{
	return result(syscall(SYS_kill, number(arg), 0));
}

static long tgkill_it(const char *arg)
{
	return result(syscall(SYS_tgkill, number(arg), number(arg), 0));
}

static long queue_signal(const char *arg)
{
	siginfo_t info = { .si_code = SI_QUEUE };

	return result(syscall(SYS_rt_sigqueueinfo, number(arg), SIGURG, &info));
}

static long pidfd(const char *arg)
{
	return result(syscall(SYS_pidfd_open, number(arg), 0));
}

/* The kernel sends the signal then. */
static long own_descriptor(const char *arg)
{
	return result(syscall(SYS_fcntl, WORKER_PEER, F_SETOWN, number(arg)));
}

static long priority(const char *arg)
{
	return result(syscall(SYS_setpriority, 0, 0, number(arg)));
}

static long limits_of(const char *arg)
{
	struct rlimit r;

	return result(syscall(SYS_prlimit64, number(arg), RLIMIT_NOFILE, NULL, &r));
}

/* ---- the network ---- */

static long socket_of(int family, int type)
{
	return result(syscall(SYS_socket, family, type, 0));
}

static long connect_tcp(const char *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(arg)),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	long fd = socket_of(AF_INET, SOCK_STREAM);

	return fd < 0 ? fd : result(syscall(SYS_connect, fd, &to, sizeof(to)));
}

static long connect_unix(const char *arg)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(arg));
	long fd = socket_of(AF_UNIX, SOCK_STREAM);

	memcpy(to.sun_path, arg, strlen(arg));
	if (*arg == '@')
		to.sun_path[0] = 0;
	return fd < 0 ? fd : result(syscall(SYS_connect, fd, &to, len));
}

static long netlink(const char *arg)
{
	(void)arg;
	return socket_of(AF_NETLINK, SOCK_RAW);
}

static long vsock(const char *arg)
{
	(void)arg;
	return socket_of(40, SOCK_STREAM);
}

static long pair(const char *arg)
{
	int fds[2];

	(void)arg;
	return result(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, fds));
}

/* The peer's socket is in the machine's network: were it free, it could be connected to anywhere. */
static long reconnect(const char *arg)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)arg;
	return result(syscall(SYS_connect, WORKER_PEER, &none, sizeof(none)));
}

static long reconnect_by_sending(const char *arg)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)arg;
	return result(
		syscall(SYS_sendto, WORKER_PEER, "", 0, MSG_FASTOPEN | MSG_NOSIGNAL, &none, sizeof(none)));
}

static long reconnect_by_message(const char *arg)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct msghdr m = { .msg_name = &none, .msg_namelen = sizeof(none) };

	(void)arg;
	return result(syscall(SYS_sendmsg, WORKER_PEER, &m, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static long send_to(const char *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number(arg)) };

	return result(syscall(SYS_sendto, WORKER_PEER, "", 0, 0, &to, sizeof(to)));
}

static long listen_it(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_listen, WORKER_PEER, 1));
}

static long filter_socket(const char *arg)
{
	int on = 1;

	(void)arg;
	return result(syscall(SYS_setsockopt, WORKER_PEER, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
}

static long interfaces(const char *arg)
{
	int queue = 0;

	(void)arg;
	return result(syscall(SYS_ioctl, WORKER_PEER, FIONREAD, &queue));
}

static long type_into_terminal(const char *arg)
{
	return result(syscall(SYS_ioctl, STDERR_FILENO, TIOCSTI, *arg ? arg : "x"));
}

/* ---- memory ---- */

/* As much as it is told, of its own; and gives it back. */
static long take_memory(const char *arg)
{
	size_t len = strtoul(arg, NULL, 10);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	munmap(at, len);
	return 0;
}

static long map_code(const char *arg)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *at = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, flags, -1, 0);

	(void)arg;
	return at == MAP_FAILED ? -errno : 0;
}

static long make_code(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_mprotect, page(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC));
}

static long make_code_by_key(const char *arg)
{
	(void)arg;
	return result(
		syscall(SYS_pkey_mprotect, page(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC, -1));
}

static long faults(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_userfaultfd, 1));
}

/* ---- privileges ---- */

static long set_user(const char *arg)
{
	long id = number(arg);

	return result(syscall(SYS_setresuid, id, id, id));
}

static long set_capabilities(const char *arg)
{
	uint32_t head[2] = { 0x20080522, 0 }, caps[6] = { ~0u, ~0u, 0, ~0u, ~0u, 0 };

	(void)arg;
	return result(syscall(SYS_capset, head, caps));
}

static long dumpable(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static long another_filter(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_seccomp, 1, 0, NULL));
}

static long raise_limit(const char *arg)
{
	struct rlimit r = { 1 << 20, 1 << 20 };

	return result(syscall(SYS_prlimit64, 0, number(arg), &r, NULL));
}

static long load_bpf(const char *arg)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY };

	(void)arg;
	return result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static long count_events(const char *arg)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr) };

	(void)arg;
	return result(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static long ring(const char *arg)
{
	char params[256] = "";

	(void)arg;
	return result(syscall(SYS_io_uring_setup, 1, params));
}

static long keys(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_add_key, "user", "x", "y", 1, -3));
}

/* The same calls, as another kind of processor would name them. */
static long other_numbers(const char *arg)
{
	(void)arg;
	return result(syscall(0x40000000 | SYS_getpid));
}

static long old_gate(const char *arg)
{
	long rc = -ENOSYS;

	(void)arg;
#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory", "r8", "r9", "r10", "r11"); /* getpid */
#endif
	return rc;
}

const struct attack attacks[] = {
	{ "innocent", innocent },
	{ "exec", exec_it },
	{ "exec-descriptor", exec_at },
	{ "fork", fork_it },
	{ "fork-old", fork_old },
	{ "clone-user", clone_user },
	{ "clone3", clone3_it },
	{ "ptrace", ptrace_it },
	{ "read-memory", read_memory },
	{ "kill", kill_it },
	{ "tgkill", tgkill_it },
	{ "queue-signal", queue_signal },
	{ "pidfd", pidfd },
	{ "own-descriptor", own_descriptor },
	{ "priority", priority },
	{ "limits-of", limits_of },
	{ "connect-tcp", connect_tcp },
	{ "connect-unix", connect_unix },
	{ "netlink", netlink },
	{ "vsock", vsock },
	{ "socketpair", pair },
	{ "reconnect", reconnect },
	{ "reconnect-by-sending", reconnect_by_sending },
	{ "reconnect-by-message", reconnect_by_message },
	{ "send-to", send_to },
	{ "listen", listen_it },
	{ "setsockopt", filter_socket },
	{ "ioctl-of-sockets", interfaces },
	{ "type-into-terminal", type_into_terminal },
	{ "take-memory", take_memory },
	{ "map-code", map_code },
	{ "make-code", make_code },
	{ "make-code-by-key", make_code_by_key },
	{ "userfaultfd", faults },
	{ "set-user", set_user },
	{ "set-capabilities", set_capabilities },
	{ "dumpable", dumpable },
	{ "another-filter", another_filter },
	{ "raise-limit", raise_limit },
	{ "bpf", load_bpf },
	{ "perf", count_events },
	{ "io-uring", ring },
	{ "add-key", keys },
	{ "x32", other_numbers },
	{ "int80", old_gate },
	{ NULL, NULL },
};
