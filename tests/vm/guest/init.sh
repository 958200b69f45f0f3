#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The guest's first process. What differs from boot to boot is in /rig: modules, plan (what to bind),
# commands. Results go to a virtio port, which carries nothing else; the serial console has the
# kernel's messages.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
PORT=

end() {
	echo "RIG end $1"
	printf '\041' | dd of=/dev/port bs=1 seek=$((0x501)) count=1 2>/dev/null
	poweroff -f
}

fail() {
	echo "RIG setup failed: $*"
	[ -n "$PORT" ] && printf '@ !setup 1 0 0 %d\n%s\n' "${#1}" "$1" >"$PORT"
	dmesg | tail -n 30
	end 1
}

# The root is a tmpfs itself; /tmp has none of its own, for a build tree may lie there.
mounts() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	mkdir -p /dev/shm /dev/pts /dev/hugepages
	mount -t devpts devpts /dev/pts
	mount -t tmpfs -o mode=1777 tmpfs /dev/shm
	mount -t hugetlbfs -o mode=1777 hugetlbfs /dev/hugepages
	chmod 666 /dev/null /dev/zero /dev/full /dev/random /dev/urandom
	ln -s /proc/self/fd /dev/fd
	ip link set lo up 2>/dev/null
}

# modules FOLDER
modules() {
	for m in "$1"/*.ko; do
		[ -e "$m" ] || continue
		# Virtual functions can only be had if vfio-pci was told so when it was loaded.
		case "$m" in
		*-vfio_pci.ko) insmod "$m" enable_sriov=1 ;;
		*) insmod "$m" ;;
		esac || fail "insmod $m"
	done
}

port() {
	for i in $(seq 100); do
		for p in /sys/class/virtio-ports/*; do
			[ "$(cat "$p/name" 2>/dev/null)" = results ] && PORT=/dev/${p##*/}
		done
		[ -n "$PORT" ] && [ -e "$PORT" ] && chmod 622 "$PORT" && return # for /rig/signal
		sleep 0.05
	done
	fail "there is no port for results"
}

# The driver that knows FPGAs by their ids takes none by itself while it is loaded: some are for others.
dfl_modules() {
	[ -d /rig/dfl ] || return
	echo 0 >/sys/bus/pci/drivers_autoprobe
	modules /rig/dfl
	echo 1 >/sys/bus/pci/drivers_autoprobe
}

# give_dfl DEVICE OWNER: the nodes, and what a udev rule gives as well.
give_dfl() {
	for r in "$1"/fpga_region/region*/dfl-*.*; do
		[ -e "/dev/${r##*/}" ] || continue
		chown "$2" "/dev/${r##*/}"
		find "$r/" -type f -perm -u+w ! -path '*/power/*' ! -name uevent ! -name driver_override \
			-exec chown "$2" {} +
	done
}

# bind ADDRESS DRIVER OWNER: as production does it, by driver_override where a driver does not know the
# device by its id; OWNER gets the nodes.
bind() {
	dev=/sys/bus/pci/devices/$1
	[ -d "$dev" ] || fail "there is no device $1"
	[ "$2" = none ] && return
	[ "$2" = dfl-pci ] || echo "$2" >"$dev/driver_override"
	[ -e "$dev/driver" ] && echo "$1" >"$dev/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	driver=$(readlink "$dev/driver")
	[ "${driver##*/}" = "$2" ] || fail "$1 is not bound to $2"
	group=$(readlink "$dev/iommu_group")
	[ -e "/dev/vfio/${group##*/}" ] && chown "$3" "/dev/vfio/${group##*/}"
	for c in "$dev"/vfio-dev/vfio*; do
		[ -e "/dev/vfio/devices/${c##*/}" ] && chown "$3" "/dev/vfio/devices/${c##*/}"
	done
	give_dfl "$dev" "$3"
}

mounts
modules /rig/modules
modules /rig/rdma
dfl_modules
port
[ -e /dev/vfio/vfio ] && chmod 666 /dev/vfio/vfio
[ -e /dev/iommu ] && chmod 666 /dev/iommu
while read -r address driver owner; do
	bind "$address" "$driver" "$owner"
done </rig/plan
echo "RIG ready $(cut -d ' ' -f 1 /proc/uptime)"
chmod 666 "$PORT"
echo "$PORT" >/rig/port
printf '@ !ready 0 0 0 0\n\n' >"$PORT"
. /rig/commands
/rig/one -p "$PORT" -n '!dmesg' -- dmesg
end 0
