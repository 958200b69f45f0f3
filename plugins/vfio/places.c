/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where devices may be: the sockets of the configuration, or, when it names none, the sockets in this
 * user's emulator directory, which `opae emu start` fills.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/emu-dir.h"
#include "plugins/vfio/vfio.h"

#define FIRST_SEGMENT 0x8000u
#define SEGMENTS 0x4000u

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

/* "card3" is wanted at 3, so that a card keeps its address when others come and go. */
static unsigned int wanted_segment(const char *name)
{
	const char *digits = name + strcspn(name, "0123456789");

	return (unsigned int)strtoul(digits, NULL, 10) % SEGMENTS;
}

static bool taken(const struct place *list, size_t n, unsigned int segment)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].segment == FIRST_SEGMENT + segment)
			return true;
	return false;
}

static int only_sockets(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && dot != e->d_name && !strcmp(dot, ".sock");
}

static int scan(struct place **ret, size_t *num)
{
	struct dirent **entries = NULL;
	char dir[VDEV_PATH_MAX];
	struct place *list;
	int n = emu_dir_path(dir, sizeof(dir)) && emu_dir_trusted(dir) ?
			scandir(dir, &entries, only_sockets, alphasort) :
			0;
	size_t used = 0;

	list = calloc(n > 0 ? (size_t)n : 1, sizeof(*list));
	for (int i = 0; i < n; i++) {
		struct place *p = &list[used];
		unsigned int segment = wanted_segment(entries[i]->d_name);

		if (list && snprintf(p->path, sizeof(p->path), "%s/%s", dir, entries[i]->d_name) <
				    (int)sizeof(p->path)) {
			while (taken(list, used, segment))
				segment = (segment + 1) % SEGMENTS;
			p->segment = (uint16_t)(FIRST_SEGMENT + segment);
			used++;
		}
		free(entries[i]);
	}
	free(entries);
	*ret = list;
	*num = used;
	return list ? 0 : -ENOMEM;
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
