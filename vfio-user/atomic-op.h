/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device can do to a word of the client's memory in one go, as PCIe's AtomicOps. */
#ifndef VFIO_USER_ATOMIC_OP_H
#define VFIO_USER_ATOMIC_OP_H

enum vu_atomic_op {
	VU_FETCH_ADD,	 /* adds the operand */
	VU_SWAP,	 /* stores the operand */
	VU_COMPARE_SWAP, /* stores the operand if the word is what it is compared with */
};

#endif
