/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fabric-raw.h"

#include <errno.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/fabric-rig.h"
#include "transport/fabric-lib.h"
#include "transport/sockaddr.h"

#define OK(call) assert_int_equal((call), 0)
#define ROOM 65536

struct raw {
	const struct fabric_lib *lib;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_eq *eq;
	struct fid_cq *cq;
	struct fid_ep *ep;
	struct fid_mr *mr;
	unsigned char room[ROOM];
};

static void find(struct raw *r, const struct address *to)
{
	char why[FABRIC_WHY_MAX];
	union sockaddr_any at;
	struct fi_info *hints;
	socklen_t len;

	OK(fabric_lib_load(FABRIC_SONAME, &r->lib, why));
	OK(sockaddr_make(to, &at, &len));
	hints = r->lib->dupinfo(NULL);
	assert_non_null(hints);
	hints->caps = FI_MSG | FI_RMA;
	hints->ep_attr->type = FI_EP_MSG;
	hints->fabric_attr->prov_name = strdup(rig_provider());
	hints->mode = FI_RX_CQ_DATA;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	hints->dest_addr = malloc(len);
	assert_non_null(hints->dest_addr);
	memcpy(hints->dest_addr, &at, len);
	hints->dest_addrlen = len;
	OK(r->lib->getinfo(FI_VERSION(1, 14), NULL, NULL, 0, hints, &r->info));
	r->lib->freeinfo(hints);
}

struct raw *raw_connect(const struct address *to)
{
	struct fi_eq_attr eq = { .wait_obj = FI_WAIT_UNSPEC };
	struct fi_cq_attr cq = { .wait_obj = FI_WAIT_UNSPEC, .format = FI_CQ_FORMAT_DATA, .size = 256 };
	struct raw *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	find(r, to);
	OK(r->lib->fabric(r->info->fabric_attr, &r->fabric, NULL));
	OK(fi_domain(r->fabric, r->info, &r->domain, NULL));
	OK(fi_mr_reg(r->domain, r->room, ROOM, FI_SEND, 0, 0, 0, &r->mr, NULL));
	OK(fi_eq_open(r->fabric, &eq, &r->eq, NULL));
	OK(fi_cq_open(r->domain, &cq, &r->cq, NULL));
	OK(fi_endpoint(r->domain, r->info, &r->ep, NULL));
	OK(fi_ep_bind(r->ep, &r->eq->fid, 0));
	OK(fi_ep_bind(r->ep, &r->cq->fid, FI_TRANSMIT | FI_RECV));
	OK(fi_enable(r->ep));
	OK(fi_connect(r->ep, r->info->dest_addr, NULL, 0));
	return r;
}

void raw_connected(struct raw *r)
{
	struct fi_eq_cm_entry e;
	uint32_t what;

	assert_true(fi_eq_sread(r->eq, &what, &e, sizeof(e), 30000, 0) > 0);
	assert_int_equal(what, FI_CONNECTED);
}

/* Until it has left; the other end may have had enough of us, which is what is tested. */
void raw_send(struct raw *r, size_t len, const uint64_t *data)
{
	int64_t deadline = SOON;
	struct fi_cq_data_entry e;
	ssize_t n;

	assert_true(len <= ROOM);
	if (data)
		n = fi_senddata(r->ep, r->room, len, fi_mr_desc(r->mr), *data, 0, NULL);
	else
		n = fi_send(r->ep, r->room, len, fi_mr_desc(r->mr), 0, NULL);
	while (!n && (n = fi_cq_read(r->cq, &e, 1)) == -FI_EAGAIN && clock_left_ms(deadline))
		n = 0;
}

void raw_free(struct raw *r)
{
	fi_close(&r->ep->fid);
	fi_close(&r->mr->fid);
	fi_close(&r->cq->fid);
	fi_close(&r->eq->fid);
	fi_close(&r->domain->fid);
	fi_close(&r->fabric->fid);
	r->lib->freeinfo(r->info);
	free(r);
}
