/* SPDX-License-Identifier: BSD-3-Clause */
/* What mends what both bind and the doctor find amiss: each has one remedy, whoever tells it. */
#include <stdio.h>
#include <string.h>

#include "bind.h"

#define CMDLINE_MAX 4096 /* no kernel takes more (kernel: COMMAND_LINE_SIZE) */

/* The last word that counts, as later ones win; "" when there is none. */
static void find_word(char *line, char *out, size_t len)
{
	static const char *const keys[] = { "intel_iommu=", "amd_iommu=", "iommu=", NULL };
	char *rest;

	*out = 0;
	for (char *word = strtok_r(line, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
		for (const char *const *key = keys; *key; key++)
			if (!strncmp(word, *key, strlen(*key)) && strcmp(word, "iommu=pt"))
				snprintf(out, len, "%s", word);
}

void mend_iommu(char *why, size_t why_len, char *mend, size_t mend_len)
{
	char line[CMDLINE_MAX], word[64] = "";
	size_t used;

	if (!sysfs_text(line, sizeof(line), "/proc/cmdline"))
		find_word(line, word, sizeof(word));
	used = strlen(word);
	snprintf(why, why_len, "it is in no IOMMU group: the IOMMU is off%s%s",
		 *word ? "; the kernel's command line says " : "", word);
	if (used && (used < 4 || strcmp(word + used - 4, "=off")))
		snprintf(mend, mend_len, "sudo dmesg | grep -e DMAR -e IOMMU -e AMD-Vi   # the kernel was "
					 "told to use it: switch VT-d or AMD-Vi on in the firmware");
	else
		snprintf(mend, mend_len,
			 "sudo sed -i -E '/^GRUB_CMDLINE_LINUX/s/\\<(intel_|amd_)?iommu=off//g; "
			 "s/^(GRUB_CMDLINE_LINUX=\"[^\"]*)\"/\\1 intel_iommu=on iommu=pt\"/' "
			 "/etc/default/grub && sudo update-grub && sudo reboot   # and VT-d or AMD-Vi on "
			 "in the firmware");
}

void mend_shared_node(const char *node, uid_t user, char *mend, size_t len)
{
	if (!strcmp(node, "/dev/vfio/vfio"))
		snprintf(mend, len, "sudo chmod 0666 %s   # alone it opens nothing; for good: echo "
				    "'KERNEL==\"vfio\", MODE=\"0666\"' | sudo tee -a " UDEV_RULES, node);
	else
		snprintf(mend, len, "sudo setfacl -m u:%u:rw %s   # for good: echo 'KERNEL==\"%s\", "
				    "OWNER=\"%u\"' | sudo tee -a " UDEV_RULES, user, node,
			 strrchr(node, '/') + 1, user);
}
