/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/call.h"

fpga_result fpgaPrepareBuffer(fpga_handle handle, uint64_t len, void **buf_addr, uint64_t *wsid,
			      int flags)
{
	/* buf_addr may be NULL in the probe form, which the plugin judges. */
	HANDLE_CALL(fpgaPrepareBuffer, handle, wsid, len, buf_addr, wsid, flags);
}

fpga_result fpgaReleaseBuffer(fpga_handle handle, uint64_t wsid)
{
	HANDLE_CALL(fpgaReleaseBuffer, handle, true, wsid);
}

fpga_result fpgaGetIOAddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr)
{
	HANDLE_CALL(fpgaGetIOAddress, handle, ioaddr, wsid, ioaddr);
}

fpga_result fpgaBindSVA(fpga_handle handle, uint32_t *pasid)
{
	HANDLE_CALL(fpgaBindSVA, handle, true, pasid);
}
