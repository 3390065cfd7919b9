"""A guest machine with real camera devices, for tests that need a kernel's drivers; `make test-devices` starts it.

    this machine                          the guest (QEMU)
    cache folder: kernel, drivers  ──>    Debian's kernel, vivid (a webcam), v4l2loopback (virtual cameras)
    /, read-only over 9p           ──>    the same files: this tree, this Python with all its packages
    a folder for results           <──    pictures that were read back, the program's logs

Needs Debian or Ubuntu on x86-64, and no more rights than the user's own; what must be installed it says. Kernel and
drivers are downloaded once, built and kept; nothing is installed and no module is loaded into this machine.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs

HERE = Path(__file__).parent
CACHE = platformdirs.user_cache_path("puppet-guest", appauthor=False)
HEADERS = "linux-headers-amd64"
PACKAGES = ("qemu-system-x86", "busybox-static", "cpio", "kmod", "make", "v4l-utils", HEADERS)
NEEDED_TO_START = ("virtio_pci", "9p", "9pnet_virtio")
OUT = "/run/out"
"""Where the folder for results is in the guest."""

_log = logging.getLogger("guest")


def main() -> int:
    """Build what is missing, boot, and run the scenarios; pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenario", default="", metavar="WORDS", help="pytest's -k: only those whose name fits")
    parser.add_argument("--out", type=Path, default=Path("out/guest"), metavar="FOLDER", help="for pictures and logs")
    parser.add_argument("--accel", default="tcg,thread=multi", help="QEMU's -accel; `kvm` is far faster where it works")
    parser.add_argument(
        "--limit", type=float, default=4 * 3600.0, metavar="SECONDS", help="the guest is ended after this"
    )
    parser.add_argument("--command", help="run this in the guest instead of the scenarios")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="guest: %(message)s")
    release = kernel_release()
    modules = CACHE / release / "root"
    try:
        if not (CACHE / release / "built").exists():
            build(release, modules)
        options.out.mkdir(parents=True, exist_ok=True)
        initramfs = pack_initramfs(release, modules, options.out.resolve() / "initramfs.cpio")
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{shlex.join(error.cmd)}` failed; after `sudo apt-get update && sudo apt-get upgrade` try again")
    without = [f"-pno:{plugin}" for plugin in ("cacheprovider", "hypothesispytest", "pytest-qt")]
    scenarios = map(str, sorted(HERE.glob("*_scenarios.py")))
    words = [sys.executable, "-m", "pytest", *without, "-pdevices", "-vv", "-s", "--tb=short", *scenarios]
    words += ["-k", options.scenario]
    return boot(release, modules, initramfs, options, options.command or shlex.join(words))


def kernel_release() -> str:
    """The release of the kernel headers that are installed, like 6.1.0-56-amd64; says what is missing."""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package}|${db:Status-Status}|${Depends}\\n", *PACKAGES],
        capture_output=True,
        text=True,
    )
    found = (line.split("|", 2) for line in asked.stdout.splitlines())
    depends = {package: needs for package, status, needs in found if status == "installed"}
    missing = [package for package in PACKAGES if package not in depends]
    if missing:
        sys.exit(f"packages are missing. On Debian or Ubuntu: sudo apt-get install {' '.join(missing)}")
    return depends[HEADERS].split()[0].removeprefix("linux-headers-")


def build(release: str, modules: Path) -> None:
    """Download kernel and v4l2loopback, and build the module; minutes, once."""
    _log.info("building in %s", CACHE)
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir(parents=True)
    downloads = modules.parent
    run("apt-get", "download", f"linux-image-{release}", "v4l2loopback-dkms", cwd=downloads)
    for package in downloads.glob("*.deb"):
        run("dpkg-deb", "--extract", str(package), str(modules))
        package.unlink()
    (source,) = modules.glob("usr/src/v4l2loopback-*")
    run("make", "-s", "-C", f"/usr/src/linux-headers-{release}", f"M={source}", "modules")
    shutil.copy(source / "v4l2loopback.ko", modules / "lib/modules" / release)
    run("depmod", "--basedir", str(modules), release)
    (downloads / "built").touch()


def pack_initramfs(release: str, modules: Path, archive: Path) -> Path:
    """The few files that the guest starts from: busybox, `init`, and the drivers for 9p."""
    root = archive.with_suffix("")
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "modules", "proc", "host"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    shutil.copy(HERE / "init", root / "init")
    (root / "init").chmod(0o755)
    wanted = ["modprobe", "--dirname", str(modules), "--set-version", release, "--show-depends", "--all"]
    shown = run(*wanted, *NEEDED_TO_START).splitlines()
    paths = dict.fromkeys(line.split()[1] for line in shown if line.startswith("insmod"))
    for number, path in enumerate(paths):
        shutil.copy(path, root / "modules" / f"{number:02}-{Path(path).name}")
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    archive.write_bytes(
        subprocess.run(
            ["cpio", "--create", "--format=newc", "--quiet"],
            cwd=root,
            input=names.encode(),
            check=True,
            capture_output=True,
        ).stdout
    )
    return archive


def boot(release: str, modules: Path, initramfs: Path, options: argparse.Namespace, command: str) -> int:
    """Run a command in the guest, with its output on ours; the command's exit code."""
    out = options.out.resolve()
    start, ended = out / "start", out / "exit-code"
    ended.unlink(missing_ok=True)
    start.write_text(
        f"export GUEST_OUT={OUT} GUEST_MODULES={shlex.quote(str(modules))} GUEST_RELEASE={release}\n"
        f"export PYTHONPATH={shlex.quote(str(HERE.parents[1]))}:{shlex.quote(str(HERE))}\n"
        f"cd {shlex.quote(str(HERE.parents[1]))}\n{command}\n"
    )
    qemu = ["nice", "-n", "5", "qemu-system-x86_64", "-accel", options.accel, "-cpu", "max", "-smp", "2", "-m", "4G"]
    qemu += ["-kernel", str(modules / f"boot/vmlinuz-{release}"), "-initrd", str(initramfs)]
    qemu += [
        "-append",
        "console=ttyS0 quiet panic=-1",
        "-no-reboot",
        "-display",
        "none",
        "-nodefaults",
        "-serial",
        "stdio",
    ]
    for tag, path, more in (("host", Path("/"), ",readonly=on"), ("out", out, "")):
        qemu += ["-virtfs", f"local,path={path},mount_tag={tag},security_model=none,multidevs=remap{more}"]
    try:
        subprocess.run(qemu, stdin=subprocess.DEVNULL, timeout=options.limit, check=True)
    except subprocess.TimeoutExpired:
        sys.exit(f"the guest was ended after {options.limit:g} s; give it more with --limit")
    if not ended.exists():
        sys.exit("the guest ended early; see its messages above")
    return int(ended.read_text())


def run(*words: str, cwd: Path | None = None) -> str:
    """What a command says; raises CalledProcessError where it fails."""
    return subprocess.run(words, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
