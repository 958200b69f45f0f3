/* SPDX-License-Identifier: BSD-3-Clause */
/* The provider, and the memory that is registered with it. */
#include "transport/fabric-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define MR_MODE (FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY)
#define ORDER (FI_ORDER_SAS | FI_ORDER_SAW | FI_ORDER_RAW | FI_ORDER_WAW)
#define WHERE_MAX 64 /* an IP address and a port */
#define IMMEDIATE 4 /* bytes that come with a message besides its own */

int fabric_error(ssize_t rc)
{
	return rc >= 0 ? 0 : rc > -FI_ERRNO_OFFSET ? (int)rc : -EIO;
}

bool fabric_wait_fd_of(struct fid *fid, int *ret)
{
	return !fi_control(fid, FI_GETWAIT, ret);
}

/* ---- the provider ---- */

static int set_address(struct fi_info *hints, const union sockaddr_any *at, socklen_t len,
		       enum fabric_side side)
{
	void *copy = malloc(len); /* freed with the hints */

	if (!copy)
		return -ENOMEM;
	memcpy(copy, at, len);
	if (side == FABRIC_SERVER) {
		hints->src_addr = copy;
		hints->src_addrlen = len;
	} else {
		hints->dest_addr = copy;
		hints->dest_addrlen = len;
	}
	hints->addr_format = at->any.sa_family == AF_INET ? FI_SOCKADDR_IN : FI_SOCKADDR_IN6;
	return 0;
}

static int set_hints(struct fi_info *hints, const char *provider)
{
	hints->caps = FI_MSG | FI_RMA;
	hints->mode = FI_RX_CQ_DATA;
	hints->ep_attr->type = FI_EP_MSG;
	hints->domain_attr->mr_mode = MR_MODE;
	hints->domain_attr->threading = FI_THREAD_SAFE;
	hints->tx_attr->msg_order = ORDER;
	hints->rx_attr->msg_order = ORDER;
	hints->fabric_attr->prov_name = strdup(provider);
	return hints->fabric_attr->prov_name ? 0 : -ENOMEM;
}

static const char *missing(const struct fi_info *i)
{
	if (i->ep_attr->max_msg_size < OP_MAX)
		return "operations of 8 MiB";
	if (i->domain_attr->cq_data_size < IMMEDIATE)
		return "immediate data of 4 bytes";
	if (i->domain_attr->mr_key_size > sizeof(uint64_t))
		return "memory keys of at most 8 bytes";
	if (i->tx_attr->size < SENDS + MOVES || i->rx_attr->size < RECVS)
		return "queues of 34 operations";
	return NULL;
}

static int find_provider(struct fabric *f, const char *provider, struct fi_info *hints, const char *where,
			 char *why)
{
	uint32_t v = f->lib->version();
	const char *lacks;
	int rc = f->lib->getinfo(API_VERSION, NULL, NULL, 0, hints, &f->info);

	if (rc == -FI_ENODATA) {
		snprintf(why, FABRIC_WHY_MAX,
			 "provider \"%.40s\" of libfabric %u.%u has no reliable connections with "
			 "one-sided access by %s: use \"tcp\", or \"verbs\" where that is the address of an "
			 "RDMA device",
			 provider, FI_MAJOR(v), FI_MINOR(v), where);
		return -ENODEV;
	}
	if (rc) {
		rc = fabric_error(rc);
		snprintf(why, FABRIC_WHY_MAX, "provider \"%s\", %s: %s", provider, where, strerror(-rc));
		return rc;
	}
	lacks = missing(f->info);
	if (strcasecmp(f->info->fabric_attr->prov_name, provider))
		lacks = "connections of its own";
	if (!lacks)
		return 0;
	snprintf(why, FABRIC_WHY_MAX, "provider \"%s\" of libfabric %u.%u lacks %s: use \"tcp\" or \"verbs\"",
		 provider, FI_MAJOR(v), FI_MINOR(v), lacks);
	return -ENOTSUP;
}

static int find_at(struct fabric *f, const char *provider, const struct address *at, char *why)
{
	union sockaddr_any any;
	char where[WHERE_MAX];
	struct fi_info *hints;
	socklen_t len;
	int rc;

	address_text(at, where, sizeof(where));
	if (at->kind != ADDRESS_TCP || sockaddr_make(at, &any, &len)) {
		snprintf(why, FABRIC_WHY_MAX, "%s is no IP address with a port, as a fabric needs", where);
		return -EINVAL;
	}
	hints = f->lib->dupinfo(NULL);
	rc = !hints ? -ENOMEM : set_hints(hints, provider);
	if (!rc)
		rc = set_address(hints, &any, len, f->side);
	if (rc)
		snprintf(why, FABRIC_WHY_MAX, "%s: %s", where, strerror(-rc));
	else
		rc = find_provider(f, provider, hints, where, why);
	if (hints)
		f->lib->freeinfo(hints);
	return rc;
}

static int open_domain(struct fabric *f, char *why)
{
	int rc = f->lib->fabric(f->info->fabric_attr, &f->fid, NULL);

	if (!rc)
		rc = fi_domain(f->fid, f->info, &f->domain, NULL);
	rc = fabric_error(rc);
	if (rc)
		snprintf(why, FABRIC_WHY_MAX, "provider \"%s\" does not open %s: %s",
			 f->info->fabric_attr->prov_name, f->info->domain_attr->name, strerror(-rc));
	return rc;
}

int fabric_load(char *why)
{
	const struct fabric_lib *lib;

	return fabric_lib_load(FABRIC_SONAME, &lib, why);
}

int fabric_open(const char *provider, const struct address *at, enum fabric_side side, struct fabric **ret,
		char *why)
{
	struct fabric *f = calloc(1, sizeof(*f));
	int rc;

	if (!f) {
		snprintf(why, FABRIC_WHY_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	f->side = side;
	rc = fabric_lib_load(FABRIC_SONAME, &f->lib, why);
	if (!rc)
		rc = find_at(f, provider, at, why);
	if (!rc)
		rc = open_domain(f, why);
	if (rc) {
		fabric_close(f);
		return rc;
	}
	*ret = f;
	return 0;
}

void fabric_close(struct fabric *f)
{
	if (!f)
		return;
	if (f->spare)
		fi_close(&f->spare->fid);
	if (f->domain)
		fi_close(&f->domain->fid);
	if (f->fid)
		fi_close(&f->fid->fid);
	if (f->info)
		f->lib->freeinfo(f->info);
	free(f);
}

bool fabric_lingers(const struct fabric *f)
{
	return strcasecmp(f->info->fabric_attr->prov_name, "verbs") != 0;
}

/* ---- memory ---- */

/* Where the provider leaves the choice of keys to us they are not to be guessed. */
static int choose_key(const struct fabric *f, uint64_t *ret)
{
	size_t bytes = f->info->domain_attr->mr_key_size;

	*ret = 0;
	if (f->info->domain_attr->mr_mode & FI_MR_PROV_KEY)
		return 0;
	return getrandom(ret, bytes, 0) == (ssize_t)bytes ? 0 : -EAGAIN;
}

int fabric_memory_add(struct fabric *f, void *base, size_t len, unsigned int access,
		      struct fabric_memory **ret)
{
	uint64_t bits = FI_SEND | FI_RECV | FI_READ | FI_WRITE, key;
	struct fabric_memory *m;
	int rc;

	if (!base || !len || access & ~(unsigned int)(FABRIC_PEER_READS | FABRIC_PEER_WRITES))
		return -EINVAL;
	bits |= access & FABRIC_PEER_READS ? FI_REMOTE_READ : 0;
	bits |= access & FABRIC_PEER_WRITES ? FI_REMOTE_WRITE : 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	rc = choose_key(f, &key);
	if (!rc)
		rc = fabric_error(fi_mr_reg(f->domain, base, len, bits, 0, key, 0, &m->mr, NULL));
	if (rc) {
		free(m);
		return rc;
	}
	m->fabric = f;
	m->base = base;
	m->len = len;
	m->remote_base = f->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR ? (uint64_t)(uintptr_t)base : 0;
	*ret = m;
	return 0;
}

void fabric_memory_tell(const struct fabric_memory *m, struct fabric_remote *ret)
{
	*ret = (struct fabric_remote){ .base = m->remote_base, .key = fi_mr_key(m->mr), .len = m->len };
}

void fabric_memory_remove(struct fabric_memory *m)
{
	if (!m)
		return;
	fi_close(&m->mr->fid);
	free(m);
}
