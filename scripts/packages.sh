#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sourced by ./demo and ./check: need_packages PACKAGE... makes sure that Debian packages are there.
# As root it installs what is missing; otherwise it prints the one line to run and ends.
need_packages() {
	local missing=() p
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' ||
			missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		echo "Missing packages. Run this line, then start again:" >&2
		echo "  sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
		exit 2
	fi
	echo "Installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	local log
	log=$(mktemp)
	if ! { apt-get update -qq &&
		apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		echo "The packages could not be installed (see above)." >&2
		exit 2
	fi
	rm -f "$log"
}

BUILD_PACKAGES=(gcc g++ libc6-dev pkg-config meson ninja-build libjson-c-dev uuid-dev libssl-dev
	libmicrohttpd-dev libfabric-dev)
TEST_PACKAGES=(libcmocka-dev python3 python3-pytest cmake universal-ctags git binutils openssl systemd
	iproute2)
VM_PACKAGES=(make xz-utils libelf1)
KERNEL_PACKAGES=(make flex bison bc libelf-dev libssl-dev xz-utils)
# To simulate AFUs: ase-build's tools.
SIM_PACKAGES=(verilator ccache zlib1g-dev libjson-c-dev make g++)
