/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"

#include <errno.h>

fpga_result err_to_result(int rc)
{
	switch (-rc) {
	case 0:
		return FPGA_OK;
	case EINVAL:
	case E2BIG:
	case ENAMETOOLONG:
		return FPGA_INVALID_PARAM;
	case EBUSY:
	case EAGAIN:
		return FPGA_BUSY;
	case ENOENT:
	case ENXIO:
	case ENODEV:
	case ECONNREFUSED:
		return FPGA_NOT_FOUND;
	case ENOMEM:
	case ENOSPC:
	case EMFILE:
	case ENFILE:
		return FPGA_NO_MEMORY;
	case ENOTSUP:
	case ENOSYS:
	case ENOTTY:
		return FPGA_NOT_SUPPORTED;
	case EACCES:
	case EPERM:
	case EKEYREJECTED:
		return FPGA_NO_ACCESS;
	default:
		return FPGA_EXCEPTION;
	}
}
