// SPDX-License-Identifier: BSD-3-Clause
// The size of local memory's ports, for AFUs that adapt to their platform. Where that has none there is no such
// package, though newer Verilators look into this file by its name.
`ifdef PLATFORM_PARAM_LOCAL_MEMORY_ADDR_WIDTH
`ifndef LOCAL_MEM_CFG_PKG_SV
`define LOCAL_MEM_CFG_PKG_SV

package local_mem_cfg_pkg;

parameter LOCAL_MEM_VERSION_NUMBER = 1;
parameter LOCAL_MEM_ADDR_WIDTH = `PLATFORM_PARAM_LOCAL_MEMORY_ADDR_WIDTH;
parameter LOCAL_MEM_DATA_WIDTH = `PLATFORM_PARAM_LOCAL_MEMORY_DATA_WIDTH;
parameter LOCAL_MEM_BURST_CNT_WIDTH = `PLATFORM_PARAM_LOCAL_MEMORY_BURST_CNT_WIDTH;
parameter LOCAL_MEM_DATA_N_BYTES = LOCAL_MEM_DATA_WIDTH / 8;

typedef logic [LOCAL_MEM_ADDR_WIDTH-1:0] t_local_mem_addr;
typedef logic [LOCAL_MEM_DATA_WIDTH-1:0] t_local_mem_data;
typedef logic [LOCAL_MEM_BURST_CNT_WIDTH-1:0] t_local_mem_burst_cnt;
typedef logic [LOCAL_MEM_DATA_N_BYTES-1:0] t_local_mem_byte_mask;

endpackage

`endif
`endif
