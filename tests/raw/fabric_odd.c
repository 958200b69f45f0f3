/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer at a fabric that keeps to no rule, by libfabric alone: it reads and writes wherever it is told to.
 *
 *     fabric_odd PROVIDER HOST PORT TOKEN      TOKEN in hexadecimal digits
 *
 * First it says "connected ANSWER", the answer in hexadecimal digits, or "refused", and ends. Then a line for
 * each line on its standard input, with decimal numbers:
 *
 *     read KEY ADDRESS BYTES           done MICROSECONDS FIRST-BYTE, or lost
 *     write KEY ADDRESS BYTES BYTE     done MICROSECONDS BYTE when a read behind it is done, or lost
 *     begin KEY ADDRESS BYTES BYTE     begun: a write that nobody waits for
 *
 * After "lost" there is no connection any more.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_rma.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROOM (8u << 20) /* the most that one operation moves */
#define TOKEN_MAX 55
#define PATIENCE_MS 20000

static struct fi_info *info;
static struct fid_domain *domain;
static struct fid_eq *eq;
static struct fid_cq *cq;
static struct fid_ep *ep;
static struct fid_mr *mr;
static unsigned char *room;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fabric_odd: %s failed\n", what);
	exit(2);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void find(const char *provider, const char *host, const char *port)
{
	struct fi_info *hints = fi_allocinfo();

	need(hints != NULL, "memory");
	hints->caps = FI_MSG | FI_RMA;
	hints->ep_attr->type = FI_EP_MSG;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	hints->fabric_attr->prov_name = strdup(provider);
	need(!fi_getinfo(FI_VERSION(1, 14), host, port, FI_NUMERICHOST, hints, &info), "fi_getinfo");
	fi_freeinfo(hints);
}

static void make_endpoint(void)
{
	struct fi_eq_attr events = { .wait_obj = FI_WAIT_UNSPEC };
	struct fi_cq_attr queue = { .wait_obj = FI_WAIT_UNSPEC, .format = FI_CQ_FORMAT_CONTEXT };
	struct fid_fabric *fabric;

	room = aligned_alloc(4096, ROOM);
	need(room != NULL, "memory");
	need(!fi_fabric(info->fabric_attr, &fabric, NULL), "fi_fabric");
	need(!fi_domain(fabric, info, &domain, NULL), "fi_domain");
	need(!fi_eq_open(fabric, &events, &eq, NULL) && !fi_cq_open(domain, &queue, &cq, NULL), "queues");
	need(!fi_mr_reg(domain, room, ROOM, FI_READ | FI_WRITE, 0, 1, 0, &mr, NULL), "fi_mr_reg");
	need(!fi_endpoint(domain, info, &ep, NULL), "fi_endpoint");
	need(!fi_ep_bind(ep, &eq->fid, 0) && !fi_ep_bind(ep, &cq->fid, FI_TRANSMIT | FI_RECV), "fi_ep_bind");
	need(!fi_enable(ep), "fi_enable");
}

/* Its answer is shown. */
static bool connect_with(const char *token)
{
	struct { struct fi_eq_cm_entry e; unsigned char answer[256]; } event;
	unsigned char bytes[TOKEN_MAX];
	size_t len = strlen(token) / 2;
	uint32_t what = 0;
	ssize_t n;

	need(len <= sizeof(bytes), "TOKEN, which is too long,");
	for (size_t i = 0; i < len; i++)
		need(sscanf(token + 2 * i, "%2hhx", &bytes[i]) == 1, "TOKEN");
	need(!fi_connect(ep, info->dest_addr, bytes, len), "fi_connect");
	n = fi_eq_sread(eq, &what, &event, sizeof(event), PATIENCE_MS, 0);
	if (n < 0 || what != FI_CONNECTED)
		return false;
	printf("connected ");
	for (size_t i = 0; i < (size_t)n - sizeof(event.e); i++)
		printf("%02x", event.answer[i]);
	putchar('\n');
	return true;
}

/* False: it is lost. */
static bool done(void)
{
	struct fi_cq_entry e;
	double end = now_us() + PATIENCE_MS * 1e3;
	ssize_t n = -FI_EAGAIN;

	while ((n == -FI_EAGAIN || n == -FI_EINTR) && now_us() < end)
		n = fi_cq_read(cq, &e, 1);
	return n == 1;
}

static bool move(bool out, uint64_t key, uint64_t at, size_t len)
{
	void *d = fi_mr_desc(mr);
	ssize_t rc = out ? fi_write(ep, room, len, d, 0, at, key, NULL) :
			   fi_read(ep, room, len, d, 0, at, key, NULL);

	return !rc && done();
}

static bool obey(const char *line)
{
	uint64_t key, at, len;
	unsigned int byte = 0;
	double begin = now_us();
	char what[8];
	int n;
	bool good;

	n = sscanf(line, "%7s %" SCNu64 " %" SCNu64 " %" SCNu64 " %u", what, &key, &at, &len, &byte);
	need(n >= 4, "the command");
	need(len && len <= ROOM, "the length");
	if (*what == 'r') {
		good = move(false, key, at, len);
	} else {
		memset(room, (int)byte, len);
		if (*what == 'b') {
			puts("begun");
			return !fi_write(ep, room, len, fi_mr_desc(mr), 0, at, key, NULL);
		}
		good = move(true, key, at, len) && move(false, key, at, 1);
	}
	if (good)
		printf("done %.0f %u\n", now_us() - begin, room[0]);
	return good;
}

int main(int argc, char *argv[])
{
	char line[128];

	if (argc != 5) {
		fprintf(stderr, "usage: fabric_odd PROVIDER HOST PORT TOKEN\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	find(argv[1], argv[2], argv[3]);
	make_endpoint();
	if (!connect_with(argv[4]))
		return puts("refused") < 0;
	while (fgets(line, sizeof(line), stdin))
		if (!obey(line))
			return puts("lost") < 0;
	return 0;
}
