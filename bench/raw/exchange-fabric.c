/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same as exchange, by libfabric with nothing around it: two processes, a reliable connection on the
 * loopback. 32 and 32 bytes go by messages; many and 1 are written to the other process's memory, and are
 * there when a byte behind them has been read; 1 and many are read from it. Pieces of 256 KiB, two under
 * way; memory that was registered before; 50 us of spinning before a sleep.
 *
 *     exchange-fabric PROVIDER OUT BACK COUNT CPU
 */
#include <arpa/inet.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_rma.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SPIN_US 50.0
#define PIECE ((size_t)262144)
#define MESSAGE 64
#define DO(call) ((call) ? (fprintf(stderr, "exchange-fabric: %s failed\n", #call), exit(1)) : (void)0)

struct place { uint64_t base, key; struct sockaddr_in at; };

static struct fid_fabric *fabric;
static struct fid_domain *domain;
static struct fid_eq *eq;
static struct fid_cq *cq;
static struct fid_ep *ep;
static struct fid_mr *mr;
static struct fi_info *info;
static char *room; /* what goes or comes, a received message, one to be sent, a byte */
static long received, moved;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void await(const long *what, long count)
{
	struct fi_cq_msg_entry e;
	double end = now() + SPIN_US;

	for (ssize_t n; *what < count;) {
		n = now() < end ? fi_cq_read(cq, &e, 1) : fi_cq_sread(cq, &e, 1, NULL, 20);
		if (n == 1)
			(*(e.flags & FI_RECV ? &received : &moved))++, end = now() + SPIN_US;
		else if (n != -FI_EAGAIN && n != -FI_EINTR)
			_exit(0); /* the other process has ended */
		else
			sched_yield();
	}
}

static void await_event(uint32_t what, struct fi_eq_cm_entry *e)
{
	uint32_t event = 0;

	DO(fi_eq_sread(eq, &event, e, sizeof(*e), 5000, 0) < 0 || event != what);
}

static void open_queues(size_t len, struct place *own)
{
	struct fi_cq_attr queue = { .format = FI_CQ_FORMAT_MSG, .wait_obj = FI_WAIT_FD };

	DO(fi_domain(fabric, info, &domain, NULL));
	DO(fi_cq_open(domain, &queue, &cq, NULL));
	DO(fi_mr_reg(domain, room, len,
		     FI_SEND | FI_RECV | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE, 0, 1, 0, &mr,
		     NULL));
	own->key = fi_mr_key(mr);
	own->base = info->domain_attr->mr_mode & FI_MR_VIRT_ADDR ? (uintptr_t)room : 0;
}

static void open_endpoint(struct fi_info *of, size_t len)
{
	DO(fi_endpoint(domain, of, &ep, NULL) || fi_ep_bind(ep, &eq->fid, 0));
	DO(fi_ep_bind(ep, &cq->fid, FI_TRANSMIT | FI_RECV) || fi_enable(ep));
	DO(fi_recv(ep, room + len, MESSAGE, fi_mr_desc(mr), 0, NULL));
}

static void receive(long count, size_t len)
{
	await(&received, count);
	DO(fi_recv(ep, room + len, MESSAGE, fi_mr_desc(mr), 0, NULL));
}

/* A part of the room to the same place of the other's, or from there. */
static void move(const struct place *far, size_t at, size_t len, int out)
{
	uint64_t there = far->base + at;
	void *d = fi_mr_desc(mr);
	ssize_t rc;

	while ((rc = out ? fi_write(ep, room + at, len, d, 0, there, far->key, NULL) :
			   fi_read(ep, room + at, len, d, 0, there, far->key, NULL)) == -FI_EAGAIN)
		await(&moved, moved + 1);
	DO(rc);
}

static void move_all(const struct place *far, size_t len, int out)
{
	long posted = moved;

	for (size_t at = 0; at < len; at += PIECE) {
		move(far, at, len - at < PIECE ? len - at : PIECE, out);
		await(&moved, posted++);
	}
	await(&moved, posted);
	if (out)
		move(far, len + 2 * MESSAGE, 1, 0), await(&moved, posted + 1);
}

/* One of the two ends, connected. `out` and `in` are pipes to and from the other one. */
static void connect_ends(const char *provider, size_t len, int server, int out, int in, struct place *far)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct fi_eq_attr events = { .wait_obj = FI_WAIT_FD };
	struct fi_info *hints = fi_allocinfo();
	struct fi_eq_cm_entry e;
	struct fid_pep *pep;
	struct place own = { .at = at };
	size_t size = sizeof(own.at);

	if (!server)
		DO(read(in, far, sizeof(*far)) != sizeof(*far));
	*hints->ep_attr = (struct fi_ep_attr){ .type = FI_EP_MSG };
	hints->caps = FI_MSG | FI_RMA, hints->addr_format = FI_SOCKADDR_IN;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	hints->fabric_attr->prov_name = strdup(provider);
	*(server ? &hints->src_addr : &hints->dest_addr) =
		memcpy(malloc(size), server ? &at : &far->at, size);
	*(server ? &hints->src_addrlen : &hints->dest_addrlen) = size;
	DO(fi_getinfo(FI_VERSION(1, 14), NULL, NULL, 0, hints, &info));
	DO(fi_fabric(info->fabric_attr, &fabric, NULL));
	DO(fi_eq_open(fabric, &events, &eq, NULL));
	fi_freeinfo(hints);
	open_queues(len + 2 * MESSAGE + 1, &own);
	if (server) {
		DO(fi_passive_ep(fabric, info, &pep, NULL) || fi_pep_bind(pep, &eq->fid, 0));
		DO(fi_listen(pep));
		DO(fi_getname(&pep->fid, &own.at, &size));
		DO(write(out, &own, sizeof(own)) != sizeof(own));
		await_event(FI_CONNREQ, &e);
		open_endpoint(e.info, len);
		DO(fi_accept(ep, NULL, 0));
	} else {
		open_endpoint(info, len);
		DO(fi_connect(ep, &far->at, NULL, 0));
	}
	await_event(FI_CONNECTED, &e);
}

int main(int argc, char *argv[])
{
	size_t out = argc == 6 ? strtoul(argv[2], NULL, 10) : 0, back = out ? strtoul(argv[3], NULL, 10) : 0;
	size_t len = out > back ? out : back;
	long count = back ? strtol(argv[4], NULL, 10) : 0, cpu = count ? strtol(argv[5], NULL, 10) : -1;
	double *us = count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL, begin;
	struct place far;
	char line[8];
	cpu_set_t set;
	int to[2], from[2];

	if (!us || pipe(to) || pipe(from) || posix_memalign((void **)&room, 4096, len + 2 * MESSAGE + 1))
		return fprintf(stderr, "usage: exchange-fabric PROVIDER OUT BACK COUNT CPU\n"), 1;
	memset(room, 1, len + 2 * MESSAGE + 1);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
			return 1;
		connect_ends(argv[1], len, 1, from[1], to[0], &far);
		for (long n = 1;; n++) { /* what is written and read one-sidedly moves meanwhile */
			receive(n, len);
			DO(fi_inject(ep, room + len + MESSAGE, back, 0));
		}
	}
	connect_ends(argv[1], len, 0, to[1], from[0], &far);
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++) {
			begin = now();
			if (len <= MESSAGE && out > 1 && back > 1) {
				DO(fi_inject(ep, room + len + MESSAGE, out, 0));
				receive(received + 1, len);
			} else {
				move_all(&far, len, out > 1);
			}
			us[i] = now() - begin;
		}
		qsort(us, (size_t)count, sizeof(*us), compare);
		printf("%.3f %.3f\n", us[count / 2], us[count * 99 / 100]);
		fflush(stdout);
	}
	fi_close(&ep->fid), fi_close(&mr->fid), fi_close(&cq->fid), fi_close(&eq->fid);
	fi_close(&domain->fid), fi_close(&fabric->fid), fi_freeinfo(info);
	return free(us), free(room), 0;
}
