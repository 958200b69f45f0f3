/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libopaevfio: each result, and that nothing stays behind when the n-th call to the kernel, or the n-th
 * allocation, fails. The kernel is tests/unit/fake-vfio.c; with a real one, and QEMU's edu device, it is
 * tests/vm/guest/test_opaevfio.c.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <opae/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-vfio.h"
#include "tests/unit/seam.h"

#define GUID "00f5ad6b-2edd-422e-9d1e-34124c686fec"
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/* ---- allocations that fail ---- */

static int fail_in; /* the n-th from now on; 0: none */

static bool fails(void)
{
	return fail_in && --fail_in == 0;
}

#define WRAP(type, name, params, args)                                                             \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fails() ? NULL : __real_##name args;                                        \
	}

WRAP(void *, malloc, (size_t len), (len))
WRAP(void *, calloc, (size_t n, size_t len), (n, len))
WRAP(void *, reallocarray, (void *p, size_t n, size_t len), (p, n, len))
WRAP(char *, strdup, (const char *s), (s))

/* ---- the rig ---- */

static struct opae_vfio v;
static int fds_before;

static int up(void **state)
{
	(void)state;
	fake_vfio_up();
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	fake_vfio_up(); /* whatever the test has broken */
	opae_vfio_close(&v);
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(fake.mapped_dma, 0);
	return 0;
}

static int up_closed(void **state)
{
	(void)state;
	fake_vfio_up();
	memset(&v, 0x5a, sizeof(v));
	return 0;
}

static void is_closed(void)
{
	opae_vfio_close(&v);
	assert_int_equal(v.cont_fd, -1);
	assert_int_equal(v.group.group_fd, -1);
	assert_int_equal(v.device.device_fd, -1);
	assert_null(v.cont_device);
	assert_null(v.device.regions);
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(fake.mapped_dma, 0);
}

/* ---- opening ---- */

static void what_is_told(void **state)
{
	uint16_t command = 0;

	(void)state;
	assert_non_null(strstr(v.cont_device, "/dev/vfio/vfio"));
	assert_string_equal(v.cont_pciaddr, FAKE_ONE);
	assert_string_equal(fake.opened, FAKE_ONE);
	assert_true(v.cont_fd > 2 && v.group.group_fd > 2 && v.device.device_fd > 2);
	assert_non_null(strstr(v.group.group_device, "/dev/vfio/7"));
	assert_int_equal(v.device.device_config_offset, FAKE_CONFIG_AT);
	assert_int_equal(v.device.device_num_regions, 9);
	assert_int_equal(v.device.device_num_irqs, 5);
	fake_vfio_read(FAKE_CONFIG_AT + PCI_COMMAND, &command, sizeof(command));
	assert_int_equal(command, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);

	assert_int_equal(v.cont_ranges->start, 0);
	assert_int_equal(v.cont_ranges->end, 0xfedfffff);
	assert_int_equal(v.cont_ranges->next->start, 0xfef00000);
	assert_int_equal(v.cont_ranges->next->end, (UINT64_C(1) << 39) - 1);
	assert_null(v.cont_ranges->next->next);
	assert_true(opae_hash_map_is_empty(&v.cont_buffers));
	assert_int_equal(v.cont_buffers.num_buckets, 19441);
	opae_vfio_close(&v);
	is_closed(); /* twice */
	opae_vfio_close(NULL);
}

static void other_arguments(void **state)
{
	(void)state;
	assert_int_equal(opae_vfio_open(NULL, FAKE_ONE), 1);
	assert_int_equal(opae_vfio_open(&v, NULL), 1);
	is_closed();
	assert_int_equal(opae_vfio_open(&v, "../../etc"), 1);
	assert_int_equal(opae_vfio_open(&v, "0000:07:00.0"), 1);
	assert_int_equal(opae_vfio_open(&v, FAKE_OFF), 1);
	assert_int_equal(opae_vfio_open(&v, FAKE_OTHER), 1);
	is_closed();
	assert_int_equal(opae_vfio_secure_open(NULL, FAKE_ONE, GUID), 1);
	assert_int_equal(opae_vfio_secure_open(&v, NULL, GUID), 1);
	assert_int_equal(opae_vfio_secure_open(&v, FAKE_ONE, NULL), 2);
	assert_int_equal(opae_vfio_secure_open(&v, FAKE_ONE, "no guid"), 3);
	is_closed();
	assert_int_equal(opae_vfio_secure_open(&v, FAKE_ONE, GUID), 0);
	assert_string_equal(fake.opened, FAKE_ONE " vf_token=" GUID);
	opae_vfio_close(&v);
	assert_int_equal(opae_vfio_open(&v, "03:00.0"), 0); /* the short form */
	assert_string_equal(v.cont_pciaddr, FAKE_ONE);
	opae_vfio_close(&v);
}

static void busy(void **state)
{
	(void)state;
	assert_int_equal(opae_vfio_dev_busy(FAKE_ONE), 0);
	assert_int_equal(opae_vfio_dev_busy(NULL), 1);
	assert_int_equal(opae_vfio_dev_busy("nonsense"), 1);
	assert_int_equal(opae_vfio_dev_busy("0000:07:00.0"), 1);
	assert_int_equal(opae_vfio_dev_busy(FAKE_OFF), 1);
	assert_int_equal(opae_vfio_dev_busy(FAKE_OTHER), 2); /* there is no node */
	fake.no_group_node = true;
	fake.fail_errno = EBUSY;
	assert_int_equal(opae_vfio_dev_busy(FAKE_ONE), 2);
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 2);
	is_closed();
	fake.no_group_node = false;
	fake.no_container = true;
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 4);
	is_closed();
}

static void each_step_has_its_code(void **state)
{
	static const struct {
		unsigned long request;
		int error, code;
	} steps[] = {
		{ VFIO_GET_API_VERSION, EIO, 5 },      { VFIO_CHECK_EXTENSION, EIO, 6 },
		{ VFIO_GROUP_GET_STATUS, EIO, 3 },     { VFIO_GROUP_SET_CONTAINER, EINVAL, 7 },
		{ VFIO_SET_IOMMU, EPERM, 8 },	       { VFIO_GROUP_GET_DEVICE_FD, ENODEV, 2 },
		{ VFIO_GROUP_GET_DEVICE_FD, EACCES, 2 }, { VFIO_DEVICE_GET_INFO, EIO, 5 },
		{ VFIO_IOMMU_GET_INFO, EIO, 5 },       { VFIO_DEVICE_GET_IRQ_INFO, EIO, 5 },
		{ VFIO_DEVICE_GET_IRQ_INFO, ENOMEM, 11 }, { VFIO_DEVICE_GET_REGION_INFO, EIO, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake.fail_request = steps[i].request;
		fake.fail_errno = steps[i].error;
		assert_int_equal(opae_vfio_open(&v, FAKE_ONE), steps[i].code);
		is_closed();
	}
	fake_vfio_up();
	fake.api = 1;
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 5);
	fake_vfio_up();
	fake.type1 = 0;
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 6);
	fake_vfio_up();
	fake.viable = false;
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 4);
	is_closed();
}

static void no_command_register(void **state)
{
	(void)state;
	fake.no_config = true;
	assert_int_equal(opae_vfio_open(&v, FAKE_ONE), 4);
	is_closed();
}

/* ---- regions ---- */

static void regions(void **state)
{
	struct opae_vfio_device_region *r = v.device.regions;
	static const uint32_t offsets[] = { 0x1000, 0x4000, 0x7000 }, sizes[] = { 0x1000, 0x2000, 0x1000 };
	struct opae_vfio_sparse_info *s;
	uint8_t *at = NULL, seen, mark = 0x77;
	size_t size = 0;

	(void)state;
	assert_int_equal(opae_vfio_region_get(NULL, 0, &at, &size), 1);
	assert_int_equal(opae_vfio_region_get(&v, 1, &at, &size), 2);
	assert_int_equal(opae_vfio_region_get(&v, 4, &at, &size), 2); /* it is there, but not mapped */
	assert_int_equal(opae_vfio_region_get(&v, 99, &at, &size), 2);
	assert_null(at);
	assert_int_equal(opae_vfio_region_get(&v, 0, NULL, NULL), 0);
	assert_int_equal(opae_vfio_region_get(&v, 0, &at, &size), 0);
	assert_int_equal(size, FAKE_BAR0_SIZE);
	assert_ptr_equal(at, r->region_ptr);
	assert_null(r->region_sparse);
	at[0x1234] = 0x42;
	fake_vfio_read(0x1234, &seen, 1);
	assert_int_equal(seen, 0x42);

	r = r->next;
	assert_int_equal(r->region_index, 2);
	assert_null(r->next);
	assert_int_equal(opae_vfio_region_get(&v, 2, &at, &size), 0);
	assert_int_equal(size, FAKE_BAR2_SIZE);
	for (uint32_t page = 0; page < 8; page++) /* the holes are memory, and no register changes it */
		fake_vfio_write(FAKE_BAR2_AT + page * 0x1000, &mark, 1);
	for (uint32_t page = 0; page < 8; page++)
		assert_int_equal(at[page * 0x1000],
				 page == 1 || page == 4 || page == 5 || page == 7 ? mark : 0);
	at[0x2000] = 1;
	fake_vfio_read(FAKE_BAR2_AT + 0x2000, &seen, 1);
	assert_int_equal(seen, mark);
	s = r->region_sparse;
	for (uint32_t i = 0; i < 3; i++, s = s->next) {
		assert_int_equal(s->index, i);
		assert_int_equal(s->offset, offsets[i]);
		assert_int_equal(s->size, sizes[i]);
		assert_ptr_equal(s->ptr, at + offsets[i]);
	}
	assert_null(s);
}

/* ---- buffers ---- */

static void buffer_arguments(void **state)
{
	size_t size = 4096, none = 0, huge = SIZE_MAX - 5;
	uint8_t *buf = NULL;
	uint64_t iova = 7;

	(void)state;
	assert_int_equal(opae_vfio_buffer_allocate(NULL, &size, &buf, &iova), 1);
	assert_int_equal(opae_vfio_buffer_allocate(&v, NULL, &buf, &iova), 1);
	assert_int_equal(opae_vfio_buffer_allocate_ex(&v, &size, &buf, &iova, 2), 1);
	assert_int_equal(opae_vfio_buffer_allocate_ex(&v, &size, NULL, &iova, OPAE_VFIO_BUF_PREALLOCATED), 1);
	assert_int_equal(opae_vfio_buffer_allocate_ex(&v, &size, &buf, &iova, OPAE_VFIO_BUF_PREALLOCATED), 1);
	assert_int_equal(opae_vfio_buffer_allocate(&v, &none, &buf, &iova), 2);
	assert_int_equal(opae_vfio_buffer_allocate(&v, &huge, &buf, &iova), 4);
	assert_int_equal(huge, SIZE_MAX - 5);
	assert_int_equal(size, 4096);
	assert_null(buf);
	assert_int_equal(iova, 7);
	assert_null(opae_vfio_buffer_info(NULL, buf));
	assert_null(opae_vfio_buffer_info(&v, buf));
	assert_int_equal(opae_vfio_buffer_free(NULL, buf), 1);
	assert_int_equal(opae_vfio_buffer_free(&v, buf), 3);
	assert_int_equal(opae_vfio_buffer_map(NULL, 4096, (uint8_t *)&v, 0), 1);
	assert_int_equal(opae_vfio_buffer_map(&v, 4096, NULL, 0), 1);
	assert_int_equal(opae_vfio_buffer_unmap(NULL, 4096, 0), 1);

	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, NULL, NULL), 0); /* closing frees it */
	assert_int_equal(fake.mapped_dma, 1);
}

static void sizes_of(bool huge, size_t want, size_t got)
{
	uint8_t *buf = NULL;
	uint64_t iova = 0;
	size_t size = want;
	struct opae_vfio_buffer *b;

	fake.huge = huge;
	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, &buf, &iova), 0);
	assert_int_equal(size, got);
	buf[0] = buf[want - 1] = 1;
	b = opae_vfio_buffer_info(&v, buf);
	assert_ptr_equal(b->buffer_ptr, buf);
	assert_int_equal(b->buffer_size, got);
	assert_int_equal(b->buffer_iova, iova);
	assert_int_equal(b->flags, 0);
	assert_true(iova >= 0x100000);
	assert_int_equal(opae_vfio_buffer_free(&v, buf), 0);
	assert_int_equal(opae_vfio_buffer_free(&v, buf), 3); /* twice */
	assert_null(opae_vfio_buffer_info(&v, buf));
	assert_int_equal(fake.mapped_dma, 0);
}

static void sizes(void **state)
{
	(void)state;
	sizes_of(true, 1, 4096);
	sizes_of(true, 4096, 4096);
	sizes_of(true, 4097, 2 * MIB);
	sizes_of(true, 2 * MIB, 2 * MIB);
	sizes_of(true, 2 * MIB + 1, GIB);
	sizes_of(false, 4097, 8192);
	sizes_of(false, 2 * MIB + 1, 2 * MIB + 4096);
}

static void the_callers_memory(void **state)
{
	size_t size = 5000, again = 4096;
	uint64_t iova;
	uint8_t *own, *odd;
	void *at;

	(void)state;
	at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	own = at;
	odd = own + 1;
	assert_int_equal(opae_vfio_buffer_allocate_ex(&v, &size, &odd, &iova, OPAE_VFIO_BUF_PREALLOCATED), 4);
	assert_int_equal(size, 5000);
	assert_int_equal(opae_vfio_buffer_allocate_ex(&v, &size, &own, &iova, OPAE_VFIO_BUF_PREALLOCATED), 0);
	assert_int_equal(size, 8192);
	assert_ptr_equal(own, at);
	assert_int_equal(opae_vfio_buffer_info(&v, own)->flags, OPAE_VFIO_BUF_PREALLOCATED);
	assert_int_equal(opae_vfio_buffer_allocate_ex(&v, &again, &own, &iova, OPAE_VFIO_BUF_PREALLOCATED),
			 5);
	assert_int_equal(fake.mapped_dma, 1);
	assert_int_equal(opae_vfio_buffer_free(&v, own), 0);
	own[8191] = 1; /* it is there still */
	assert_int_equal(munmap(at, 8192), 0);
}

static void addresses_of_the_callers_choice(void **state)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));

	(void)state;
	assert_int_equal(opae_vfio_buffer_map(&v, 4096, page, 0x40000000), 0);
	assert_int_equal(opae_vfio_buffer_map(&v, 4096, page, 0x40000000), -EEXIST);
	assert_int_equal(opae_vfio_buffer_map(&v, 100, page, 0x50000000), -EINVAL);
	assert_true(opae_hash_map_is_empty(&v.cont_buffers));
	assert_int_equal(opae_vfio_buffer_unmap(&v, 4096, 0x40000000), 0);
	assert_int_equal(opae_vfio_buffer_unmap(&v, 4096, 0x40000000), -ENOENT);
}

static void what_the_kernel_keeps_is_not_given_again(void **state)
{
	uint64_t first, second;
	uint8_t *buf = NULL;
	size_t size = 4096;
	int taken = 0;

	(void)state;
	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, &buf, &first), 0);
	fake.fail_request = VFIO_IOMMU_UNMAP_DMA;
	fake.fail_errno = EIO;
	assert_int_equal(opae_vfio_buffer_free(&v, buf), 0);
	fake.fail_request = 0;
	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, &buf, &second), 0);
	assert_true(first != second);
	assert_int_equal(opae_vfio_buffer_unmap(&v, 4096, first), 0); /* the test cleans up */

	fake.fail_request = VFIO_IOMMU_MAP_DMA;
	fake.fail_errno = ENOMEM;
	size = 3 * MIB;
	fake.huge = true;
	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, &buf, &first), 4);
	assert_int_equal(fake.mapped_dma, 1);
	assert_int_equal(mem_alloc_get(&v.iova_alloc, &first, 0x1000), 0); /* and no address is lost */
	assert_int_equal(first, second + 0x1000);
	for (struct mem_link *l = v.iova_alloc.allocated.next; l != &v.iova_alloc.allocated; l = l->next)
		taken++;
	assert_int_equal(taken, 3);
}

static void constraint(void **state)
{
	struct opae_vfio other;
	uint8_t *buf = NULL;
	size_t size = 4096;
	uint64_t iova = 0;
	int n = 0;

	(void)state;
	assert_int_equal(opae_vfio_open(&other, FAKE_TWO), 0);
	assert_int_equal(opae_vfio_apply_group_constraint(NULL, &v), 1);
	assert_int_equal(opae_vfio_apply_group_constraint(&other, NULL), 1);
	assert_int_equal(opae_vfio_apply_group_constraint(&v, &v), 0);
	assert_int_equal(opae_vfio_apply_group_constraint(&other, &v), 0);
	while (!mem_alloc_get(&v.iova_alloc, &iova, 0x10000)) {
		assert_true(iova >= 0x100000 && iova + 0xffff <= 0x1fffff);
		n++;
	}
	assert_int_equal(n, 16);
	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, &buf, &iova), 4); /* no addresses */
	assert_int_equal(opae_vfio_buffer_allocate(&other, &size, &buf, &iova), 0);
	opae_vfio_close(&other);
}

/* ---- interrupts ---- */

static void interrupts(void **state)
{
	struct opae_vfio_device_irq *intx = v.device.irqs, *msix = intx->next;

	(void)state;
	assert_int_equal(intx->index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_int_equal(intx->count, 1);
	assert_true(intx->flags & VFIO_IRQ_INFO_MASKABLE);
	assert_int_equal(msix->index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(msix->count, FAKE_MSIX);
	assert_int_equal(msix->next->index, VFIO_PCI_ERR_IRQ_INDEX);
	assert_null(msix->next->next);
	for (uint32_t i = 0; i < FAKE_MSIX; i++)
		assert_true(msix->event_fds[i] == -1 && msix->masks[i] == 0);

	assert_int_equal(opae_vfio_irq_enable(NULL, 2, 0, 5), 1);
	assert_int_equal(opae_vfio_irq_enable(&v, 2, FAKE_MSIX, 5), 3);
	assert_int_equal(opae_vfio_irq_enable(&v, 1, 0, 5), 4);
	assert_int_equal(opae_vfio_irq_enable(&v, 99, 0, 5), 4);
	assert_int_equal(opae_vfio_irq_enable(&v, 2, 0, -1), -EBADF);
	assert_int_equal(opae_vfio_irq_disable(NULL, 2, 0), 1);
	assert_int_equal(opae_vfio_irq_mask(NULL, 2, 0), 1);
	assert_int_equal(opae_vfio_irq_unmask(NULL, 2, 0), 1);
	assert_int_equal(opae_vfio_irq_disable(&v, 2, 0), 0); /* it is not bound */

	assert_int_equal(opae_vfio_irq_enable(&v, 2, 3, 5), 0);
	assert_int_equal(fake.irqs_on[2], FAKE_MSIX); /* all of them, for more cannot be added */
	assert_int_equal(opae_vfio_irq_enable(&v, 2, 7, 6), 0);
	assert_int_equal(msix->event_fds[3], 5);
	assert_int_equal(msix->event_fds[7], 6);
	for (int i = 0; i < (int)FAKE_MSIX; i++)
		assert_int_equal(fake.bound[i], i == 3 ? 5 : i == 7 ? 6 : -1);
	assert_int_equal(opae_vfio_irq_mask(&v, 2, 3), -ENOTTY);
	assert_int_equal(msix->masks[3], 0);
	assert_int_equal(opae_vfio_irq_disable(&v, 2, 3), 0);
	assert_int_equal(fake.bound[3], -1);
	assert_int_equal(fake.irqs_on[2], FAKE_MSIX);
	fake.fail_request = VFIO_DEVICE_SET_IRQS;
	fake.fail_errno = EIO;
	assert_int_equal(opae_vfio_irq_disable(&v, 2, 7), -EIO);
	assert_int_equal(msix->event_fds[7], 6); /* nothing has changed */
	fake.fail_request = 0;
	assert_int_equal(opae_vfio_irq_disable(&v, 2, 7), 0);
	assert_int_equal(fake.irqs_on[2], 0);

	assert_int_equal(opae_vfio_irq_enable(&v, 0, 0, 5), 0);
	assert_int_equal(opae_vfio_irq_mask(&v, 0, 0), 0);
	assert_int_equal(intx->masks[0], 1);
	assert_int_equal(opae_vfio_irq_unmask(&v, 0, 0), 0);
	assert_int_equal(intx->masks[0], 0);
}

static void a_host_with_few_interrupts(void **state)
{
	(void)state;
	fake.vectors = 3;
	assert_int_equal(opae_vfio_irq_enable(&v, 2, 3, 5), -ENOSPC);
	assert_int_equal(fake.irqs_on[2], 0);
	assert_int_equal(opae_vfio_irq_enable(&v, 2, 2, 5), 0);
	assert_int_equal(fake.irqs_on[2], 3);
	assert_int_equal(opae_vfio_irq_enable(&v, 2, 5, 5), -EINVAL);
	assert_int_equal(v.device.irqs->next->event_fds[5], -1);
	assert_int_equal(opae_vfio_irq_disable(&v, 2, 2), 0);
	fake.vectors = 0;
	assert_int_equal(opae_vfio_irq_enable(&v, 2, 0, 5), -ENOSPC);
}

static void a_program_may_hold_the_lock(void **state)
{
	size_t size = 4096;
	uint8_t *buf;

	(void)state;
	assert_int_equal(pthread_mutex_lock(&v.lock), 0);
	assert_int_equal(opae_vfio_buffer_allocate(&v, &size, &buf, NULL), 0);
	assert_int_equal(opae_vfio_buffer_free(&v, buf), 0);
	assert_int_equal(pthread_mutex_unlock(&v.lock), 0);
}

/* ---- the n-th call fails ---- */

/* What a program does, ending with whatever it was told. */
static void job(void)
{
	size_t size = 3 * MIB, small = 4096;
	uint8_t *buf = NULL;
	uint64_t iova;
	int code = opae_vfio_open(&v, FAKE_ONE);

	assert_true(code >= 0 && code <= 11);
	if (!code) {
		code = opae_vfio_buffer_allocate(&v, &size, &buf, &iova);
		assert_true(!code || code == 4 || code == 5);
		if (!code)
			buf[0] = buf[3 * MIB - 1] = 1;
		opae_vfio_buffer_allocate(&v, &small, NULL, NULL);
		opae_vfio_irq_enable(&v, 2, 0, 5);
		opae_vfio_irq_disable(&v, 2, 0);
		if (buf)
			assert_int_equal(opae_vfio_buffer_free(&v, buf), 0);
		seam_disarm(); /* closing cannot fail: what the kernel keeps goes with the descriptor */
	}
	opae_vfio_close(&v);
	assert_null(v.device.regions);
	assert_int_equal(v.device.device_fd, -1);
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(fake.mapped_dma, 0);
}

static void any_call_may_fail(void **state)
{
	static const int errors[] = { ENOMEM, EMFILE, EIO,    EACCES, EPERM,
				      EBUSY,  ENODEV, EINVAL, ENOENT, ENOTTY };

	(void)state;
	job(); /* it is the fake that keeps the last device open */
	fds_before = seam_count_fds();
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		int n = 0;

		do {
			assert_true(++n < 500);
			fake.huge = n & 1;
			seam_arm(n, errors[e], false);
			job();
			seam_disarm();
			assert_int_equal(seam_count_fds(), fds_before);
		} while (seam_failed());
		assert_true(n > 40);
	}
}

static void any_allocation_may_fail(void **state)
{
	int n = 0;

	(void)state;
	job();
	fds_before = seam_count_fds();
	do {
		assert_true(++n < 500);
		fail_in = n;
		job();
		assert_int_equal(seam_count_fds(), fds_before);
		assert_int_equal(fake.mapped_dma, 0);
	} while (!fail_in);
	fail_in = 0;
	assert_true(n > 20);
}

static int end(void **state)
{
	(void)state;
	fake_vfio_down();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(what_is_told),
		cmocka_unit_test_setup(other_arguments, up_closed),
		cmocka_unit_test_setup(busy, up_closed),
		cmocka_unit_test_setup(each_step_has_its_code, up_closed),
		cmocka_unit_test_setup(no_command_register, up_closed),
		RIGGED(regions),
		RIGGED(buffer_arguments),
		RIGGED(sizes),
		RIGGED(the_callers_memory),
		RIGGED(addresses_of_the_callers_choice),
		RIGGED(what_the_kernel_keeps_is_not_given_again),
		RIGGED(constraint),
		RIGGED(interrupts),
		RIGGED(a_host_with_few_interrupts),
		RIGGED(a_program_may_hold_the_lock),
		cmocka_unit_test_setup(any_call_may_fail, up_closed),
		cmocka_unit_test_setup(any_allocation_may_fail, up_closed),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
