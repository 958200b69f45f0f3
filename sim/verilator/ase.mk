# SPDX-License-Identifier: BSD-3-Clause
# Builds the simulation out of what Verilator wrote. Used in its folder, with these variables:
#   DATA     where sim/ is               MAIN     the interface's main program, such as ccip-main
#   LIBS     the archives of the host    RUNTIME  where objects of Verilator's own runtime are kept
#   NAME     of the AFU                  OUT      the program
#   DEFINES  for our own sources
include Vase.mk

GLUE = design.o $(MAIN).o
RUNTIME_OBJS = $(addprefix $(RUNTIME)/, $(addsuffix .o, $(VM_GLOBAL_FAST) $(VM_GLOBAL_SLOW)))
EXTRA_OBJS = $(addsuffix .o, $(basename $(notdir $(EXTRA))))
vpath %.c $(sort $(dir $(EXTRA)))
vpath %.cc $(sort $(dir $(EXTRA)))
vpath %.cpp $(DATA)/sim/verilator $(sort $(dir $(EXTRA)))

$(OUT): $(GLUE) $(EXTRA_OBJS) $(RUNTIME_OBJS) Vase__ALL.a $(LIBS)
	$(CXX) $(LDFLAGS) -o $@.new $(GLUE) $(EXTRA_OBJS) $(RUNTIME_OBJS) Vase__ALL.a $(LIBS) \
		$(VM_USER_LDLIBS) $(SYSTEM_LIBS)
	mv $@.new $@

$(GLUE): %.o: $(DATA)/sim/verilator/%.cpp $(VM_PREFIX).h
	$(OBJCACHE) $(CXX) $(CXXFLAGS) $(CPPFLAGS) -I$(DATA) '-DASE_NAME="$(NAME)"' $(DEFINES) -O2 -c -o $@ $<

# Several builds at a time may make the same one: each puts a whole file in place.
$(RUNTIME)/%.o: $(VERILATOR_ROOT)/include/%.cpp
	@mkdir -p $(RUNTIME)
	$(OBJCACHE) $(CXX) $(CXXFLAGS) $(CPPFLAGS) $(OPT_GLOBAL) -MF $*.d -c -o $@.$$$$ $< && mv $@.$$$$ $@

.SUFFIXES:
%.o: %.cc
	$(OBJCACHE) $(CXX) $(CXXFLAGS) $(CPPFLAGS) $(OPT_FAST) -c -o $@ $<
%.o: %.c
	$(OBJCACHE) $(CC) $(CPPFLAGS) $(OPT_FAST) -c -o $@ $<

-include $(wildcard *.d)
