/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON of VERSION: what is accepted lies within its limits. */
#include <stdlib.h>

#include "fuzz/target.h"
#include "vfio-user/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *problem;
	struct vu_caps caps;
	int rc = vu_caps_parse(data, len, &caps, &problem);

	if ((rc != 0) != (problem != NULL))
		abort();
	if (!rc && (caps.max_msg_fds > 1024 || !caps.max_data_xfer_size ||
		    caps.max_data_xfer_size > UINT32_MAX))
		abort();
	return 0;
}
