/* SPDX-License-Identifier: BSD-3-Clause */
/* Regions of the client half: asked once, checked, mapped, kept until close. */
#ifndef VFIO_USER_CLIENT_REGION_H
#define VFIO_USER_CLIENT_REGION_H

#include "vfio-user/client-internal.h"
#include "vfio-user/message.h"

void vu_client_regions_unmap(struct vu_client *c);

/*
 * What a reply to DEVICE_GET_REGION_INFO says of mappable areas: the reply's fixed part, the bytes
 * after it, and what comes out sorted and checked. Nothing is mapped. 0, or -EPROTO with a word in
 * *problem. Free of I/O, for tests and fuzzers.
 */
int vu_region_areas(const struct vu_region_info *info, const void *caps, size_t caps_len,
		    struct vu_region *region, const char **problem);

#endif
