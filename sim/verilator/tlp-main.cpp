// SPDX-License-Identifier: BSD-3-Clause
// The program of a simulation with PCIe SS streams: a Verilated ase_pcie_ss_shell, and the adapter beside it.
//
//     +tlp-stall=PERCENT    cycles in which a stream pauses, either way
//     +tlp-split=PERCENT    completions that end at a boundary of 64 bytes; 25 in shuffled order, else 0
#include <cstring>

#include "sim/tlp/tlp.h"
#include "sim/verilator/design.h"

namespace {

struct Simulation {
	Design design;
	tlp *adapter = nullptr;
	tlp_pins pins = {};

	Simulation(int argc, char **argv) : design(argc, argv) {}
	~Simulation() { tlp_free(adapter); }
};

Simulation *of(void *self)
{
	return static_cast<Simulation *>(self);
}

int start(void *self, host_port *p, const sim_settings *settings)
{
	Simulation *s = of(self);
	tlp_options options = {};

	options.seed = settings->seed;
	options.split = p->shuffle ? 25 : 0;
	if (!s->design.option("tlp-stall", 99, options.stall) ||
	    !s->design.option("tlp-split", 99, options.split))
		return SIM_HAS_TOLD;
	const int result = s->design.start(*settings);

	if (result)
		return result;
	s->adapter = tlp_new(&options);
	if (!s->adapter)
		return -ENOMEM;
	return s->design.begin() ? 0 : SIM_HAS_TOLD;
}

template <typename Data>
void set_beat(const axis &a, CData &valid, CData &last, SData &user, QData &keep, Data &data)
{
	valid = a.valid;
	if (!a.valid)
		return;
	last = a.beat.last;
	user = a.beat.user;
	keep = a.beat.keep;
	std::memcpy(data.data(), a.beat.data, AXIS_BYTES);
}

template <typename Data>
void get_beat(axis &a, CData valid, CData last, SData user, QData keep, const Data &data)
{
	a.valid = valid;
	if (!valid)
		return;
	a.beat.last = last;
	a.beat.user = user;
	a.beat.keep = keep;
	std::memcpy(a.beat.data, data.data(), AXIS_BYTES);
}

bool tick(void *self, host_port *p)
{
	Simulation *s = of(self);
	Vase &v = *s->design.pins;
	tlp_pins &pins = s->pins;

	s->design.rise();
	tlp_drive(s->adapter, p, &pins);
	v.reset = pins.reset;
	v.tx_a_ready = pins.tx_a.ready;
	v.tx_b_ready = pins.tx_b.ready;
	set_beat(pins.rx_a, v.rx_a_valid, v.rx_a_last, v.rx_a_user, v.rx_a_keep, v.rx_a_data);
	set_beat(pins.rx_b, v.rx_b_valid, v.rx_b_last, v.rx_b_user, v.rx_b_keep, v.rx_b_data);
	s->design.fall();
	pins.rx_a.ready = v.rx_a_ready;
	pins.rx_b.ready = v.rx_b_ready;
	get_beat(pins.tx_a, v.tx_a_valid, v.tx_a_last, v.tx_a_user, v.tx_a_keep, v.tx_a_data);
	get_beat(pins.tx_b, v.tx_b_valid, v.tx_b_last, v.tx_b_user, v.tx_b_keep, v.tx_b_data);
	tlp_sample(s->adapter, p, &pins);
	return !s->design.finished(p);
}

void stop(void *self)
{
	of(self)->design.stop();
}

int wave_open(void *self, const char *path)
{
	return of(self)->design.wave_open(path);
}

void wave_close(void *self)
{
	of(self)->design.wave_close();
}

} // namespace

int main(int argc, char **argv)
{
	Simulation simulation(argc, argv);
	sim_model model = {};

	model.size = sizeof(model);
	model.name = ASE_NAME;
	model.tlp = true;
	model.self = &simulation;
	model.start = start;
	model.tick = tick;
	model.stop = stop;
	if (VM_TRACE) {
		model.wave_open = wave_open;
		model.wave_close = wave_close;
	}
	return ase_sim_main(argc, argv, &model);
}
