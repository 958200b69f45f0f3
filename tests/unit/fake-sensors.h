/* SPDX-License-Identifier: BSD-3-Clause */
/* Sensors and counters in the tree of fake-dfl.h. */
#ifndef TESTS_UNIT_FAKE_SENSORS_H
#define TESTS_UNIT_FAKE_SENSORS_H

#define DEVICE "/sys/class/fpga_region/region0/dfl-fme.0"
#define HEAT DEVICE "/hwmon/hwmon3"
#define DRAW DEVICE "/hwmon/hwmon4"
#define BOARD DEVICE "/dfl_dev.2/n6000bmc-hwmon.7/hwmon/hwmon10"
#define PMU "/sys/bus/event_source/devices/dfl_fme0"

/* A file in a folder. */
void put_text(const char *dir, const char *name, const char *text);
/* As the kernel's driver shows an FME with 45 degrees and 23 watts. */
void put_fme_sensors(void);
/* A board's management controller, below the FME. */
void put_board_sensors(void);
/* The FME's performance counters: two that can be opened as they are, two of a port's, one that is wrong. */
void put_pmu(void);

#endif
