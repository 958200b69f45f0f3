# SPDX-License-Identifier: BSD-3-Clause
"""Takes out of unpacked packages what the rig uses.

That is QEMU with its libraries, a kernel in the form that PVH starts, and kernel modules."""
import gzip
import lzma
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

LIBS = "usr/lib/x86_64-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"


def libraries(root, program, out):
    """What a program of the packages links, and the loader, into a folder: it runs in place by that."""
    dirs = [p for p in (root / LIBS, root / "lib/x86_64-linux-gnu", root / LIBS / "systemd") if p.is_dir()]
    loader = next(p / LOADER for p in dirs if (p / LOADER).exists())
    path = ":".join(str(p) for p in dirs)
    listing = subprocess.run([loader, "--library-path", path, "--list", program], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    for name, file in re.findall(r"^\s*(\S+) => (\S+)", listing, re.M):
        if not file.startswith(str(root)):
            raise RuntimeError(f"{program.name}'s {name} is not in the packages")
        shutil.copyfile(file, out / Path(name).name)
    shutil.copyfile(loader, out / LOADER)
    (out / LOADER).chmod(0o755)


def program_bundle(root, program, out):
    """bin/ and lib/ of one program of the packages."""
    for folder in ("bin", "lib"):
        (out / folder).mkdir(parents=True)
    libraries(root, root / program, out / "lib")
    shutil.copy(root / program, out / "bin")


def in_place(folder, program, name=None):
    """The command that runs a bundle's program from where it is; name: what it is called by."""
    return [str(folder / "lib" / LOADER), *(["--argv0", name] if name else []),
            "--library-path", str(folder / "lib"), str(folder / "bin" / program)]


def qemu_bundle(root, out, firmware):
    """bin/, lib/ with the loader, share/: a QEMU that runs in place, by its own loader."""
    for folder in ("bin", "lib", "share", "modules"):
        (out / folder).mkdir(parents=True)
    program = root / "usr/bin/qemu-system-x86_64"
    libraries(root, program, out / "lib")
    shutil.copy(program, out / "bin")
    shutil.copy(next(p for p in (root / "usr/bin/busybox", root / "bin/busybox") if p.exists()), out / "bin")
    for name in firmware:
        shutil.copyfile(next((root / "usr/share").glob(f"*/{name}")), out / "share" / name)


def vmlinux(image):
    """The kernel inside a bzImage; its setup header says where (Documentation/arch/x86/boot.rst)."""
    if image[0x202:0x206] != b"HdrS":
        raise RuntimeError("this is no bzImage")
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (image[0x1f1] + 1) * 512 + offset
    packed = image[start:start + length]
    if packed[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(packed)
    if packed[:2] == b"\x1f\x8b":
        return gzip.decompress(packed[:-4])
    if packed[:4] == b"\x28\xb5\x2f\xfd":
        return subprocess.run(["zstd", "-dc"], input=packed[:-4], check=True, stdout=subprocess.PIPE).stdout
    raise RuntimeError("the kernel is packed in a way that is not known here")


def module_text(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def module_closure(folder, wanted):
    """[(name, contents)] in the order to load them. Names as in lsmod; what is built in is left out."""
    files = {re.sub(r"\.ko.*", "", p.name).replace("-", "_"): p for p in folder.rglob("*.ko*")}
    order = []

    def visit(name):
        if name in (n for n, _ in order) or name not in files:
            return
        text = module_text(files[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", text)
        for other in depends[1].decode().split(",") if depends and depends[1] else []:
            visit(other.replace("-", "_"))
        order.append((name, text))

    for name in wanted:
        visit(name)
    return order


def kernel_bundle(root, out, modules):
    """vmlinux, and a folder of modules for each of {folder: names}."""
    out.mkdir()
    image = next(p for pattern in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz") for p in root.glob(pattern))
    (out / "vmlinux").write_bytes(vmlinux(image.read_bytes()))
    folder = next(p for p in (root / "lib/modules", root / "usr/lib/modules") if p.is_dir())
    for kind, names in modules.items():
        (out / kind).mkdir()
        for number, (name, text) in enumerate(module_closure(folder, names)):
            (out / kind / f"{number:02}-{name}.ko").write_bytes(text)


def source_files(deb, wanted, folder):
    """Some files and folders of a source package, which holds one packed tar file."""
    folder.mkdir()
    outer = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    inner = subprocess.Popen(["tar", "-xO", "--wildcards", "./usr/src/linux-source-*.tar.xz"],
                             stdin=outer.stdout, stdout=subprocess.PIPE)
    outer.stdout.close()
    subprocess.run(["tar", "-xJ", "-C", folder, "--strip-components=1", "--wildcards",
                    *(f"*/{w}" for w in wanted)], stdin=inner.stdout, check=True)
    inner.stdout.close()
    if inner.wait() or outer.wait():
        raise RuntimeError(f"{deb.name} could not be unpacked")


def build_kernel(deb, config, source, out):
    """An own kernel: the package holds a tar file, which becomes vmlinux without symbols."""
    source.mkdir()
    (out / "modules").mkdir(parents=True)
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", source, "--wildcards", "./usr/src/linux-source-*.tar.xz"],
                   stdin=tar.stdout, check=True)
    tar.stdout.close()
    tar.wait()
    packed = next(source.glob("usr/src/*.tar.xz"))
    subprocess.run(["tar", "-xf", packed, "-C", source, "--strip-components=1"], check=True)
    packed.unlink()
    log = out / "build.log"
    jobs = f"-j{len(os.sched_getaffinity(0))}"
    with open(log, "w") as text:
        for target in (["allnoconfig", f"KCONFIG_ALLCONFIG={config}"], [jobs, "vmlinux"]):
            done = subprocess.run(["nice", "-n", "19", "make", *target], cwd=source, stdout=text,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            if done.returncode:
                raise RuntimeError("the kernel's build failed:\n" + log.read_text()[-3000:])
    check_config(config, source / ".config")
    subprocess.run(["strip", "-s", "-o", out / "vmlinux", source / "vmlinux"], check=True)
    shutil.copy(source / ".config", out / "config")


def check_config(wanted, got):
    """An option that the source has renamed, or whose needs are not met, would be off without a word."""
    have = set(got.read_text().split("\n"))
    lost = [line for line in wanted.read_text().split("\n")
            if line.startswith("CONFIG_") and line not in have]
    if lost:
        raise RuntimeError("the kernel's configuration did not take " + ", ".join(lost))
