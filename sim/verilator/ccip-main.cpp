// SPDX-License-Identifier: BSD-3-Clause
// The program of a simulation with CCI-P: a Verilated ase_ccip_shell, its pins and the adapter's structs, and
// local memory if it is built with that.
#include <cstring>

#include "sim/ccip/ccip.h"
#include "sim/verilator/design.h"
#if ASE_LOCAL_MEMORY_BANKS
#include "sim/verilator/local-memory.h"
#else
struct LocalMemory {
	int start(Design &, const host_port &, const sim_settings &) { return 0; }
	void clock(Vase &) {}
	void evaluated(Vase &, host_port *) {}
};
#endif

namespace {

struct Simulation {
	Design design;
	LocalMemory memory;
	ccip *adapter = nullptr;
	ccip_rx rx = {};
	ccip_tx tx = {};

	Simulation(int argc, char **argv) : design(argc, argv) {}
	~Simulation() { ccip_free(adapter); }
};

Simulation *of(void *self)
{
	return static_cast<Simulation *>(self);
}

int start(void *self, host_port *p, const sim_settings *settings)
{
	Simulation *s = of(self);
	ccip_options options = {};
	int result = s->design.start(*settings);

	if (!result)
		result = s->memory.start(s->design, *p, *settings);
	if (result)
		return result;
	options.no_byte_range = *s->design.context.commandArgsPlusMatch("no-byte-range");
	options.seed = settings->seed;
	s->adapter = ccip_new(&options);
	if (!s->adapter)
		return -ENOMEM;
	s->tx.c0_hdr = s->design.pins->c0tx_hdr.data();
	s->tx.c1_hdr = s->design.pins->c1tx_hdr.data();
	s->tx.c1_data = s->design.pins->c1tx_data.data();
	return s->design.begin() ? 0 : SIM_HAS_TOLD;
}

void set_pins(Vase &pins, const ccip_rx &rx)
{
	pins.reset = rx.reset;
	pins.c0_almfull = rx.c0_almfull;
	pins.c1_almfull = rx.c1_almfull;
	pins.c0rx_rsp = rx.c0_rsp;
	pins.c0rx_mmio_rd = rx.c0_mmio_rd;
	pins.c0rx_mmio_wr = rx.c0_mmio_wr;
	pins.c0rx_hdr = rx.c0_hdr;
	pins.c1rx_rsp = rx.c1_rsp;
	pins.c1rx_hdr = rx.c1_hdr;
	if (rx.c0_rsp || rx.c0_mmio_wr)
		std::memcpy(pins.c0rx_data.data(), rx.c0_data, HOST_LINE);
}

void get_pins(const Vase &pins, ccip_tx &tx)
{
	tx.c0_valid = pins.c0tx_valid;
	tx.c1_valid = pins.c1tx_valid;
	tx.c2_valid = pins.c2tx_valid;
	tx.c2_tid = pins.c2tx_tid;
	tx.c2_data = pins.c2tx_data;
}

bool tick(void *self, host_port *p)
{
	Simulation *s = of(self);
	Vase &pins = *s->design.pins;

	s->memory.clock(pins);
	s->design.rise();
	s->memory.evaluated(pins, p);
	ccip_drive(s->adapter, p, &s->rx);
	set_pins(pins, s->rx);
	s->memory.clock(pins);
	s->design.fall();
	s->memory.evaluated(pins, p);
	get_pins(pins, s->tx);
	ccip_sample(s->adapter, p, &s->tx);
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
