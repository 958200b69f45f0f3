// SPDX-License-Identifier: BSD-3-Clause
// There is no Ethernet; AFUs have the number as a parameter's default.
package ofs_fim_eth_plat_if_pkg;

localparam MAX_NUM_ETH_CHANNELS = 1;

endpackage
