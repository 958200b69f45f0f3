/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where devices may be: the sockets of the configuration, or, when it names none, the sockets in this
 * user's emulator directory, which `opae emu start` fills.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emu-dir.h"
#include "plugins/vfio/vfio.h"

bool place_parse_address(const char *text, struct place *p)
{
	unsigned int s, b, d, f;
	int used = 0;

	if (text[strspn(text, "0123456789abcdefABCDEF:.")] ||
	    sscanf(text, "%4x:%2x:%2x.%1x%n", &s, &b, &d, &f, &used) != 4 || text[used] ||
	    d > 0x1f || f > 7)
		return false;
	p->segment = (uint16_t)s;
	p->bus = (uint8_t)b;
	p->device = (uint8_t)d;
	p->function = (uint8_t)f;
	return true;
}

static int scan(struct place **ret, size_t *num)
{
	struct emu_card *cards = NULL;
	char dir[VDEV_PATH_MAX];
	size_t n = 0, used = 0;

	if (emu_dir_path(dir, sizeof(dir)) && emu_dir_trusted(dir))
		emu_dir_list(dir, &cards, &n); /* a folder that cannot be read has no cards */
	*ret = calloc(n ? n : 1, sizeof(**ret));
	for (size_t i = 0; *ret && i < n; i++) {
		struct place *p = &(*ret)[used];
		size_t len = strlen(cards[i].path);

		if (len >= sizeof(p->path))
			continue;
		memcpy(p->path, cards[i].path, len + 1);
		p->segment = cards[i].segment;
		used++;
	}
	free(cards);
	*num = used;
	return *ret ? 0 : -ENOMEM;
}

int places_list(struct instance *inst, struct place **ret, size_t *n)
{
	if (inst->scans)
		return scan(ret, n);
	*ret = calloc(inst->num_places ? inst->num_places : 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, inst->places, inst->num_places * sizeof(**ret));
	*n = inst->num_places;
	return 0;
}
