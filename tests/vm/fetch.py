# SPDX-License-Identifier: BSD-3-Clause
"""Gets what the rig needs by package name, unpacks it into a cache outside the tree, finds it there.

Nothing is installed on the machine and no root is needed: apt works in a root of its own, with the
mirrors and keys that the machine's own apt has. What can't be had is one reason in words,
`Unavailable`."""
import fcntl
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import unpack

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "iommufd.config"
SOURCE_PACKAGE = "linux-source-6.12"
# What the guest's kernel loads, if it is a module there.
MODULES = ["virtio_pci", "virtio_console", "vfio", "vfio_iommu_type1", "vfio_pci", "igb", "vsock_loopback",
           "vmw_vsock_virtio_transport"]
# The same where the guest is to have soft RoCE; crc32_generic is what rdma_rxe asks for by name.
RDMA_MODULES = ["crc32_generic", "dummy", "rdma_rxe", "rdma_ucm", "ib_uverbs"]
FIRMWARE = ["bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin", "pvh.bin"]


class Unavailable(Exception):
    """The rig can't run here; the text says why."""


def cache_dir():
    own = os.environ.get("OPAEX_VM_CACHE")
    if own:
        return Path(own).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "opae-anywhere"


def say(text):
    print(f"vm: {text}", file=sys.stderr, flush=True)


# ---- the machine's own apt configuration ----

def release():
    """The codename of this Debian."""
    if platform.machine() != "x86_64":
        raise Unavailable(f"the rig is for x86-64, this machine is {platform.machine()}")
    text = Path("/etc/os-release").read_text() if os.path.exists("/etc/os-release") else ""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.M))
    if fields.get("ID") != "debian":
        raise Unavailable(f"the rig's packages are Debian's, this is {fields.get('ID', 'unknown')}")
    for tool in ("apt-get", "dpkg-deb", "setpriv"):
        if not shutil.which(tool):
            raise Unavailable(f"there is no {tool}")
    return fields.get("VERSION_CODENAME", "sid")


def stanzas(etc):
    """(URI, suites, Signed-By or "") of each source of packages that is enabled."""
    for path in sorted(glob.glob(f"{etc}/sources.list.d/*.sources")):
        for block in re.split(r"\n\s*\n", Path(path).read_text()):
            lines = [line for line in block.split("\n") if not line.startswith("#")]
            fields = {k.lower(): v.strip() for k, v in re.findall(
                r"^([A-Za-z-]+):((?:.*\n?)(?:[ \t].*\n?)*)", "\n".join(lines), re.M)}
            if "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
                continue
            for uri in fields.get("uris", "").split():
                yield uri, fields.get("suites", "").split(), fields.get("signed-by", "")
    for path in [f"{etc}/sources.list", *sorted(glob.glob(f"{etc}/sources.list.d/*.list"))]:
        for line in Path(path).read_text().split("\n") if os.path.exists(path) else []:
            m = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)", line)
            if m:
                key = re.search(r"signed-by=(\S+)", m[1] or "")
                yield m[2], [m[3]], key[1] if key else ""


def mirrors(codename, etc="/etc/apt"):
    """What goes before a suite's name in a line of sources.list.

    A pair: for Debian, and for its security updates or None."""
    found = {}
    for uri, suites, key in stanzas(etc):
        if "\n" in key:
            continue  # a key written out in the file: not for our one-line form
        option = f"[signed-by={key}] " if key else ""
        for suite in suites:
            found.setdefault(suite, f"deb {option}{uri}")
    if codename not in found:
        raise Unavailable(f"apt has no source for {codename}")
    return found[codename], found.get(f"{codename}-security")


class Apt:
    """apt in a root of its own for the given suites, of which `target` comes first."""

    def __init__(self, root, lines, target=None, extra=None):
        self.root = Path(root)
        for folder in ("lists/partial", "cache/archives/partial", "debs"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "status").touch()
        (self.root / "sources.list").write_text("\n".join(lines) + "\n")
        self.options = []
        for key, value in {
                "Dir::State": root, "Dir::State::lists": f"{root}/lists",
                "Dir::State::status": f"{root}/status", "Dir::Cache": f"{root}/cache",
                "Dir::Etc::sourcelist": f"{root}/sources.list",
                "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
                "Dir::Etc::preferencesparts": "/dev/null", "Acquire::Languages": "none",
                "APT::Sandbox::User": "root", "Debug::NoLocking": "1", "Acquire::Retries": "2",
                "APT::Architecture": "amd64", "APT::Install-Recommends": "0",
                "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "0",
                **({"APT::Default-Release": target} if target else {}), **(extra or {})}.items():
            self.options += ["-o", f"{key}={value}"]
        self.run("apt-get", "update", "-qq", "--error-on=any")

    def run(self, program, *args, cwd=None):
        done = subprocess.run([program, *self.options, *args], text=True, cwd=cwd,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            lines = [line for line in done.stderr.split("\n") if line.startswith("E:")]
            raise Unavailable(f"{program} {args[0]} failed: {' '.join(lines)[:400] or done.stderr[:400]}")
        return done.stdout

    def plan(self, *packages):
        """{name: version} of the packages and all that they depend on."""
        text = self.run("apt-get", "--print-uris", "-qq", "-y", "install", *packages)
        names = re.findall(r"^'\S+' (\S+?)_(\S+?)_\w+\.deb", text, re.M)
        return {name: version.replace("%3a", ":") for name, version in names}

    def download(self, names):
        """The packages' files, which apt has verified."""
        self.run("apt-get", "download", "-qq", *names, cwd=self.root / "debs")
        return sorted((self.root / "debs").glob("*.deb"))


# ---- the cache ----

@contextmanager
def locked(what):
    """One process at a time makes a thing; what an earlier one left half-made goes."""
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = open(cache / f"{what}.lock", "w")
    except OSError as e:
        raise Unavailable(f"the cache {cache} can't be written: {e.strerror}") from e
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob(f"{what}.tmp.*"):
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f"{what}.tmp.", dir=cache))
        work.chmod(0o755)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def recipe(*parts):
    """Changes when what is made changes, so that an older tree's cache is not taken for it."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]


def cached(what, key):
    """The newest finished one; the name holds the version, and the time tells which is newest."""
    found = sorted(cache_dir().glob(f"{what}_*_{key}"), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None


def made(what, key, maker, renew=False):
    """The folder of a thing: from the cache, or made by maker(work) which returns (version, folder)."""
    folder = None if renew else cached(what, key)
    if folder:
        return folder
    with locked(what) as work:
        folder = None if renew else cached(what, key)
        if folder:
            return folder  # another process made it while this one waited
        version, folder = maker(work)
        # a colon would part a list of library folders
        final = cache_dir() / f"{what}_{re.sub('[/:]', '-', version)}_{key}"
        if final.exists():
            shutil.rmtree(final)
        os.utime(folder)
        folder.rename(final)
        return final


# ---- what there is ----

def program(what, suite, package, path, extra=None):
    """The folder of one program of a package of that suite, which runs in place: unpack.in_place().

    extra: options for apt."""
    def make(work):
        say(f"fetching {package} from Debian's {suite} (once)")
        debian, _ = mirrors(release())
        apt = Apt(work / "apt", [f"{debian} {suite} main"], extra=extra)
        plan = apt.plan(package)
        for deb in apt.download(plan):
            subprocess.run(["dpkg-deb", "-x", deb, work / "root"], check=True)
        unpack.program_bundle(work / "root", path, work / "out")
        (work / "out/versions.json").write_text(json.dumps(plan, indent=1))
        return plan[package], work / "out"

    return made(what, recipe(what, suite, 1), make)


def make_qemu(work):
    say("fetching QEMU from Debian's trixie-backports (once)")
    debian, _ = mirrors(release())
    apt = Apt(work / "apt", [f"{debian} trixie main", f"{debian} trixie-backports main"],
              "trixie-backports")
    plan = apt.plan("qemu-system-x86", "busybox-static")
    for deb in apt.download(plan):
        subprocess.run(["dpkg-deb", "-x", deb, work / "root"], check=True)
    unpack.qemu_bundle(work / "root", work / "out", FIRMWARE)
    (work / "out/versions.json").write_text(json.dumps(plan, indent=1))
    return plan["qemu-system-x86"], work / "out"


def qemu(renew=False):
    return made("qemu", recipe("qemu", FIRMWARE, 1), make_qemu, renew)


def bookworm():
    """Where Debian 12's kernel, its headers and its source are."""
    debian, security = mirrors(release())
    return [f"{debian} bookworm main"] + ([f"{security} bookworm-security main"] if security else [])


def debians_kernel(work, apt):
    """What linux-image-amd64 names there; newer ones are in several packages."""
    plan = {n: v for n, v in apt.plan("linux-image-amd64").items()
            if re.match(r"linux-(image|binary|modules)-\d", n)}
    for deb in apt.download(plan):
        subprocess.run(["dpkg-deb", "-x", deb, work / "root"], check=True)
    unpack.kernel_bundle(work / "root", work / "out", {"modules": MODULES, "rdma": RDMA_MODULES})
    (work / "out/versions.json").write_text(json.dumps(plan, indent=1))
    return next(iter(plan.values())), work / "out"


def make_stock(work):
    say("fetching Debian 12's kernel (once)")
    return debians_kernel(work, Apt(work / "apt", bookworm()))


def stock_kernel(renew=False):
    return made("stock", recipe("stock", MODULES, RDMA_MODULES, 1), make_stock, renew)


def make_newest(work):
    say("fetching the kernel of Debian's trixie-backports (once)")
    debian, _ = mirrors(release())
    suites = [f"{debian} trixie main", f"{debian} trixie-backports main"]
    return debians_kernel(work, Apt(work / "apt", suites, "trixie-backports"))


def newest_kernel(renew=False):
    return made("newest", recipe("newest", MODULES, RDMA_MODULES, 1), make_newest, renew)


def make_iommufd(work):
    debian, _ = mirrors(release())
    say(f"building a kernel with iommufd from {SOURCE_PACKAGE} (once; 5 to 14 minutes on two cores)")
    apt = Apt(work / "apt", [f"{debian} trixie main"])
    version = apt.plan(SOURCE_PACKAGE)[SOURCE_PACKAGE]
    deb, = apt.download([SOURCE_PACKAGE])
    unpack.build_kernel(deb, CONFIG, work / "src", work / "out")
    (work / "out/versions.json").write_text(json.dumps({SOURCE_PACKAGE: version}, indent=1))
    return version, work / "out"


def iommufd_kernel(build=False, renew=False):
    key = recipe("iommufd", CONFIG.read_text(), 1)
    if not build and not cached("iommufd", key):
        raise Unavailable("the kernel with iommufd is not built (./check --iommufd does it)")
    return made("iommufd", key, make_iommufd, renew)


KERNELS = {"stock": stock_kernel, "newest": newest_kernel, "iommufd": iommufd_kernel}


def main():
    args = sys.argv[1:]
    renew = "--renew" in args
    try:
        print(qemu(renew))
        print(iommufd_kernel(build=True, renew=renew) if "--iommufd" in args else stock_kernel(renew))
    except Unavailable as e:
        say(str(e))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
