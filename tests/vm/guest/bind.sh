#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# opae bind and opae release on real devices, in the guest, as root:
#
#     bind.sh EDU [IGB [MODULE]]     their addresses; edu without a driver, igb with its own ("": none).
#                                    MODULE: the file of vfio-pci, where it is no part of the kernel
#
# Ends with 1 and a message at the first thing that is not as it should be. There is no udev: nodes are
# devtmpfs's. The user is uid 1000; /etc/passwd has it as "user".
USER=1000
EDU=$1 IGB=$2 MODULE=$3
PCI=/sys/bus/pci/devices

fail() {
	echo "bind.sh: FAILED: $*"
	for a in $EDU $IGB; do
		echo "-- $a"
		state "$a"
	done
	ls -lnR /dev/vfio /run/opae
	cat /tmp/said 2>/dev/null
	exit 1
}

driver() {
	if [ -L "$PCI/$1/driver" ]; then
		at=$(readlink "$PCI/$1/driver")
		echo "${at##*/}"
	else
		echo none
	fi
}

group() {
	at=$(readlink "$PCI/$1/iommu_group")
	echo "${at##*/}"
}

# All that bind may have changed, of a device and its VFs.
state() {
	echo "driver $(driver "$1"), override $(cat "$PCI/$1/driver_override")"
	echo "VFs $(cat "$PCI/$1/sriov_numvfs" 2>/dev/null), of them" "$PCI/$1"/virtfn*
	echo "autoprobe $(cat "$PCI/$1/sriov_drivers_autoprobe" 2>/dev/null)"
	ls -ln /dev/vfio /dev/vfio/devices 2>/dev/null | grep -v '^total' | awk '{print $1, $3, $4, $NF}'
}

records() {
	ls /run/opae/bind 2>/dev/null | wc -l
}

# The tool must do it.
well() {
	opae "$@" >/tmp/said 2>&1 || fail "opae $*"
	cat /tmp/said
}

# It must refuse it, and say a word of why.
refused() {
	word=$1
	shift
	opae "$@" >/tmp/said 2>&1 && fail "opae $* was not refused"
	grep -q -e "$word" /tmp/said || fail "opae $* does not say '$word'"
	grep -q 'fix:   ' /tmp/said || fail "opae $* says no fix"
}

owner() {
	stat -c %u "$1"
}

# A node is the user's; no stranger may open it.
given() {
	[ "$(owner "$1")" = $USER ] || fail "$1 is of uid $(owner "$1")"
	su user -c ": <>$1" || fail "the user cannot open $1"
	su nobody -s /bin/sh -c ": <>$1" 2>/dev/null && fail "a stranger can open $1"
}

bound() {
	[ "$(driver "$1")" = vfio-pci ] || fail "$1 is bound to $(driver "$1")"
	given "/dev/vfio/$(group "$1")"
	for c in "$PCI/$1"/vfio-dev/vfio*/dev; do
		[ -e "$c" ] || continue
		c=${c%/dev}
		given "/dev/vfio/devices/${c##*/}"
		echo "$1 has its own node, ${c##*/}"
	done
}

# same ADDRESS STATE WHEN
same() {
	now=$(state "$1")
	[ "$now" = "$2" ] || fail "$3: $1 was
$2
and is now
$now"
	[ "$(records)" = 0 ] || fail "$3: records are left"
}

# A process that has the device's group keeps it from being released: held HOLDS RELEASED
held() {
	sleep 60 3<>"/dev/vfio/$(group "$1")" &
	pid=$!
	sleep 0.3
	refused "process $pid (sleep)" release "$2"
	kill $pid
	wait $pid 2>/dev/null
}

edu() {
	before=$(state "$EDU")
	well bind --dry-run --user $USER "$EDU"
	same "$EDU" "$before" "after a dry run"
	well bind --user $USER "$EDU"
	bound "$EDU"
	well bind --user $USER "$EDU"
	grep -q 'bound already' /tmp/said || fail "a second bind"
	well bind --user 0 "$EDU"
	[ "$(stat -c %u "/dev/vfio/$(group "$EDU")")" = 0 ] || fail "a bind for another user"
	well bind --user $USER "$EDU"
	bound "$EDU"
	held "$EDU" "$EDU"
	bound "$EDU"
	well release "$EDU"
	same "$EDU" "$before" "after release"
	refused 'nobody has noted' release "$EDU"
}

# What a bind that was killed leaves: a record that is not complete.
broken_off() {
	before=$(state "$EDU")
	well bind --user $USER "$EDU"
	sed -i 's/"complete": *true/"complete":false/' "/run/opae/bind/$EDU"
	echo "$EDU" >"$PCI/$EDU/driver/unbind"
	refused 'broken off' bind --user $USER "$EDU"
	well release "$EDU"
	same "$EDU" "$before" "after a bind that was broken off"
}

# The commands that a dry run prints do the same.
by_hand() {
	before=$(state "$EDU")
	opae bind --dry-run --user $USER "$EDU" >/tmp/script || fail "dry run"
	sh -ex /tmp/script >/tmp/said 2>&1 || fail "the dry run's commands"
	bound "$EDU"
	refused 'nobody has noted' release "$EDU"
	with=$(state "$EDU")
	well bind --user 0 "$EDU"
	[ "$(owner "/dev/vfio/$(group "$EDU")")" = 0 ] || fail "bound by hand, and not given to root"
	well release "$EDU"
	same "$EDU" "$with" "bound by hand before, after release"
	echo "$EDU" >"$PCI/$EDU/driver/unbind"
	echo >"$PCI/$EDU/driver_override"
	same "$EDU" "$before" "put back by hand"
}

igb() {
	before=$(state "$IGB")
	[ "$(driver "$IGB")" = igb ] || fail "$IGB is bound to $(driver "$IGB")"
	net=$(ls "$PCI/$IGB/net")
	ip link set "$net" up || fail "ip link set $net up"
	refused "interface $net is up" bind --user $USER "$IGB"
	ip link set "$net" down
	well bind --user $USER "$IGB"
	bound "$IGB"
	well release "$IGB"
	same "$IGB" "$before" "after release"
}

vfs_bound() {
	[ "$(cat "$PCI/$IGB/sriov_numvfs")" = 2 ] || fail "$IGB has not 2 VFs"
	for i in 0 1; do
		vf=$(readlink "$PCI/$IGB/virtfn$i")
		vf=${vf##*/}
		bound "$vf"
	done
}

# The VFs of a PF that keeps its own driver.
vfs() {
	before=$(state "$IGB")
	well bind --dry-run --user $USER --vfs 2 "$IGB"
	same "$IGB" "$before" "after a dry run"
	refused 'VFs, not 64' bind --vfs 64 "$IGB"
	well bind --user $USER --vfs 2 "$IGB"
	vfs_bound
	[ "$(driver "$IGB")" = igb ] || fail "the PF lost its driver"
	grep -q '^1$' "$PCI/$IGB/sriov_drivers_autoprobe" || fail "autoprobe is off"
	refused 'has 2 VFs already' bind --user $USER --vfs 1 "$IGB"
	refused 'its VFs are bound' bind --user $USER "$IGB"
	held "$vf" "$IGB"
	well release "$IGB"
	same "$IGB" "$before" "after release of the VFs"
}

# And of one that vfio-pci has as well.
vfs_of_vfio() {
	before=$(state "$IGB")
	well bind --user $USER "$IGB"
	param=/sys/module/vfio_pci/parameters/enable_sriov
	echo N >$param
	refused enable_sriov bind --user $USER --vfs 2 "$IGB"
	echo Y >$param
	well bind --user $USER --vfs 2 "$IGB"
	grep -q 'VF token' /tmp/said || fail "nothing is said of the VF token"
	vfs_bound
	bound "$IGB"
	well release "$IGB"
	same "$IGB" "$before" "after release of PF and VFs"
}

# Who needs vfio-pci loads it, and the last to be released unloads it.
module() {
	rmmod vfio_pci || fail "rmmod vfio_pci"
	refused 'there is no modprobe\|modprobe vfio-pci failed' bind --user $USER "$EDU"
	[ "$(records)" = 0 ] || fail "records are left"
	at=/lib/modules/$(uname -r)
	mkdir -p "$at"
	cp "$MODULE" "$at/vfio-pci.ko"
	echo 'vfio-pci.ko:' >"$at/modules.dep"
	before=$(state "$EDU")
	well bind --user $USER "$EDU"
	bound "$EDU"
	well release "$EDU"
	same "$EDU" "$before" "after release"
	[ -e /sys/bus/pci/drivers/vfio-pci ] && fail "vfio-pci is still loaded"
}

mkdir -p /run/opae/bind # so that it can be listed
for part in edu broken_off by_hand ${IGB:+igb vfs vfs_of_vfio} ${MODULE:+module}; do
	echo "== $part"
	$part
done
echo "bind.sh: all is well"
