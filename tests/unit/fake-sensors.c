/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-sensors.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/fake-dfl.h"

void put_text(const char *dir, const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fake_dfl_put(path, text, strlen(text));
}

void put_fme_sensors(void)
{
	fake_dfl_folder(HEAT);
	put_text(HEAT, "name", "dfl_fme_thermal\n");
	put_text(HEAT, "temp1_input", "45000\n");
	put_text(HEAT, "temp1_max", "90000\n");
	put_text(HEAT, "temp1_crit", "93000\n");
	put_text(HEAT, "temp1_emergency", "100000\n");
	put_text(HEAT, "temp1_max_alarm", "0\n");
	put_text(HEAT, "temp1_crit_alarm", "0\n");
	put_text(HEAT, "temp1_max_policy", "0\n"); /* no attribute of hwmon's */
	put_text(HEAT, "uevent", "");
	fake_dfl_folder(DRAW);
	put_text(DRAW, "name", "dfl_fme_power\n");
	put_text(DRAW, "power1_input", "23000000\n");
	put_text(DRAW, "power1_max", "75000000\n");
	put_text(DRAW, "power1_max_alarm", "0\n");
}

void put_board_sensors(void)
{
	fake_dfl_folder(BOARD);
	put_text(BOARD, "name", "n6000bmc\n");
	put_text(BOARD, "temp2_input", "-5500\n");
	put_text(BOARD, "temp2_label", "FPGA E-TILE Temperature\n");
	put_text(BOARD, "temp2_max", "97000\n");
	put_text(BOARD, "temp2_max_hyst", "94500\n");
	put_text(BOARD, "temp2_min", "-10000\n");
	put_text(BOARD, "temp2_lcrit", "-20000\n");
	put_text(BOARD, "in0_input", "12096\n");
	put_text(BOARD, "in0_label", "QSFP (Primary) Supply Rail\n");
	put_text(BOARD, "curr1_input", "4250\n");
	put_text(BOARD, "temp1_input", "40000\n");
	put_text(BOARD, "fan1_input", "2200\n");
}

void put_pmu(void)
{
	fake_dfl_folder(PMU "/format");
	fake_dfl_folder(PMU "/events");
	put_text(PMU, "type", "17\n");
	put_text(PMU, "cpumask", "1\n");
	put_text(PMU "/format", "event", "config:0-11\n");
	put_text(PMU "/format", "evtype", "config:12-15\n");
	put_text(PMU "/format", "portid", "config:16-23\n");
	put_text(PMU "/events", "clock", "event=0x00,evtype=0x00,portid=0xff\n");
	put_text(PMU "/events", "fab_mmio_read", "event=0x06,evtype=0x02,portid=0xff\n");
	put_text(PMU "/events", "fab_port_mmio_read", "event=0x06,evtype=0x02,portid=?\n");
	put_text(PMU "/events", "vtd_port_read_transaction", "event=0x00,evtype=0x03,portid=?\n");
	put_text(PMU "/events", "wrong", "event=0x1000,evtype=0x02\n");
}
