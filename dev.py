#!/usr/bin/env python3
"""Everything a developer runs, with nothing but Python installed.

    python3 dev.py demo             the whole job on sample data: in the window, or without a display into demo-out/
    python3 dev.py test [ARGS]      the tests, with the coverage gate (ARGS go to pytest; with ARGS there is no gate)
    python3 dev.py check            ruff, mypy --strict, import contracts, and a smoke start of the window
    python3 dev.py shots [DIR]      a picture of every screen: light, dark, 200 %, empty, busy, full, failed
    python3 dev.py bench [LINE...]  the figures of docs/performance.md
    python3 dev.py simulate [...]   months of faults and crashes against the real engine (--seeds N; --seed K --trace replays one)
    python3 dev.py kill [...]       pushes ended by SIGKILL, restarted and judged (--kills N)
    python3 dev.py fuzz [...]       damaged answers for every parser (--answers N)
    python3 dev.py prove            the three above at the size of CI
    python3 dev.py build            the frozen program, in dist/
    python3 dev.py lock             write requirements/*.txt anew from requirements/*.in

Makes .venv on the first call and installs the pinned requirements into it. Where the system libraries that Qt needs are missing,
it installs them on Debian and Ubuntu as root, and otherwise prints the command that does.
"""

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
SUPPORTED = ((3, 11), (3, 13))

# Library that must load → Debian package that brings it.
QT_ALWAYS = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
QT_WINDOW = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
FONT_PACKAGE = "fonts-dejavu-core"

# Folders of tests that are run side by side with each other and with all the rest; much of their time is waiting.
LANES = (("tests/end_to_end",), ("tests/docs", "tests/faults", "tests/storage", "tests/ui"))


def main(arguments: list[str]) -> int:
    """Carry out one command and return its exit status."""
    commands = {
        "demo": demo,
        "test": test,
        "check": check,
        "shots": shots,
        "bench": bench,
        "simulate": simulate,
        "kill": kill,
        "fuzz": fuzz,
        "prove": prove,
        "build": build,
        "lock": lock,
    }
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    low, high = SUPPORTED
    if not low <= sys.version_info[:2] <= high:
        print(f"Reconcile needs Python {low[0]}.{low[1]} to {high[0]}.{high[1]}; this is {platform.python_version()}.")
        return 2
    # Byte-code makes the start several times quicker, and container images often switch it off.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return commands[arguments[0]](arguments[1:])


def demo(arguments: list[str]) -> int:
    """The operator's month on sample data."""
    python = prepare("runtime", window=has_display())
    if has_display():
        return run(python, "-m", "reconcile_app", "demo", *arguments)
    out = ROOT / "demo-out"
    print(f"There is no display, so the demo runs without a window and leaves its results in {out.name}/.")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    status = run(python, "-m", "reconcile_app", "demo", "--headless", "--out", str(out), *arguments)
    if status in (0, 1):  # 1: done, and something needs a person, which is what the sample data is for
        print("Taking a picture of each screen ...")
        status = run(python, "-m", "tests.shots", str(out / "pictures"), "--few")
    if status == 0:
        print(f"Done. Open {out.name}/reconcile-demo.xlsx for the whole story, and {out.name}/pictures/ for the screens.")
    return status


def test(arguments: list[str]) -> int:
    """Run the tests; without arguments also hold the coverage gate."""
    python = prepare("dev", window=False)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if arguments:
        return run(python, "-m", "pytest", *arguments)
    run(python, "-m", "coverage", "erase")
    status = max(run_lanes(python))
    if status == 0:
        run(python, "-m", "coverage", "combine", "--quiet")
        status = run(
            python, "-m", "coverage", "report", "--include=reconcile_app/core/*,reconcile_app/services/*", "--fail-under=100"
        )
    return status


def run_lanes(python: str) -> list[int]:
    """Run the suite in lanes side by side, the first one watched, and print what the others said; their exit statuses.

    They share nothing: every test has folders and ports of its own.
    """
    named = {folder for lane in LANES for folder in lane}
    folders = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py")))
    first, *others = [*LANES, tuple(folder for folder in folders if folder not in named)]
    pytest = [python, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest", "-q"]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    started = [subprocess.Popen([*pytest, *lane], cwd=ROOT, **output) for lane in others]
    print(f"Lane 1: {' '.join(first)}", flush=True)
    statuses = [run(*pytest, *first)]
    for number, (lane, process) in enumerate(zip(others, started, strict=True), start=2):
        print(f"Lane {number}, at the same time: {' '.join(lane)}", flush=True)
        print(process.communicate()[0], flush=True)
        statuses.append(process.returncode)
    return statuses


def check(arguments: list[str]) -> int:
    """Hold every gate that is not a test."""
    python = prepare("dev", window=False)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    gates = [
        ["-m", "ruff", "check", "."],
        ["-m", "mypy"],
        ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        ["-m", "reconcile_app", "smoke"],
    ]
    failed = [" ".join(gate) for gate in gates if run(python, *gate) != 0]
    for gate in failed:
        print(f"FAILED: {gate}")
    return 1 if failed else 0


def shots(arguments: list[str]) -> int:
    """Render every screen to PNG."""
    python = prepare("runtime", window=False)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return run(python, "-m", "tests.shots", *(arguments or ["shots"]))


def bench(arguments: list[str]) -> int:
    """Measure, and print ratios."""
    python = prepare("dev", window=False)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return run(python, "-m", "benchmarks", *arguments)


def simulate(arguments: list[str]) -> int:
    """Run the deterministic simulation."""
    return tool("tests.simulation", arguments)


def kill(arguments: list[str]) -> int:
    """Kill pushes and judge what is left."""
    return tool("tests.kill", arguments)


def fuzz(arguments: list[str]) -> int:
    """Feed damaged answers to every parser."""
    return tool("tests.fuzz", arguments)


def prove(arguments: list[str]) -> int:
    """What docs/reliability.md promises, at the size of CI."""
    sizes = {"tests.simulation": ["--seeds", "2000"], "tests.kill": ["--kills", "200"], "tests.fuzz": ["--answers", "20000"]}
    failed = [name for name, size in sizes.items() if tool(name, size) != 0]
    for name in failed:
        print(f"FAILED: {name}")
    return 1 if failed else 0


def tool(module: str, arguments: list[str]) -> int:
    """Run one of the proving commands."""
    python = prepare("dev", window=False)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return run(python, "-m", module, *arguments)


def build(arguments: list[str]) -> int:
    """Freeze the program with PyInstaller, one folder."""
    python = prepare("build", window=False)
    status = run(python, "-m", "PyInstaller", "--noconfirm", "--clean", "build.spec", *arguments)
    if status == 0:
        status = run(python, "-m", "cyclonedx_py", "environment", str(VENV), "-o", "dist/reconcile/sbom.cdx.json")
    return status


def lock(arguments: list[str]) -> int:
    """Pin every requirement with its hashes, for all supported Pythons, without the address of any index."""
    tool = shutil.which("uv")
    if tool is None:
        print("This needs uv on the PATH: pip install uv")
        return 2
    for name in ("runtime", "dev", "build"):
        command = [
            tool,
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--python-version",
            "3.11",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
            "--no-emit-index-url",
            "--no-emit-find-links",
            *arguments,
            "-o",
            f"requirements/{name}.txt",
            f"requirements/{name}.in",
        ]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return 1
    return 0


def has_display() -> bool:
    """Whether a window can be shown."""
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def prepare(requirements: str, *, window: bool) -> str:
    """Make the environment ready and return its Python."""
    install_system_libraries(window=window)
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        make_venv()
    stamp = VENV / f".{requirements}-stamp"
    pinned = (ROOT / "requirements" / f"{requirements}.txt").read_bytes()
    wanted = hashlib.sha256(pinned + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        install(str(python), requirements)
        stamp.write_text(wanted, encoding="ascii")
    return str(python)


def make_venv() -> None:
    """Create .venv; Debian splits the means for it into a package of its own."""
    print("Making .venv ...")
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    apt_install(["python3-venv"], "to make a virtual environment")
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def install(python: str, requirements: str) -> None:
    """Install the pinned packages, wheels only and every hash checked, and the project itself in place."""
    print(f"Installing the {requirements} requirements ...")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    pinned = str(ROOT / "requirements" / f"{requirements}.txt")
    subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", pinned], check=True)
    # The console script and the package path, without a build step that would fetch anything.
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True, capture_output=True, text=True
    ).stdout.strip()
    Path(site, "reconcile_app_source.pth").write_text(f"{ROOT}\n", encoding="utf-8")
    write_console_script(Path(python))


def write_console_script(python: Path) -> None:
    """`reconcile-app` beside the environment's Python."""
    if os.name == "nt":
        script = python.with_name("reconcile-app.cmd")
        script.write_text(f'@"{python}" -m reconcile_app %*\r\n', encoding="utf-8")
        return
    script = python.with_name("reconcile-app")
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -m reconcile_app "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def install_system_libraries(*, window: bool) -> None:
    """Bring what Qt needs from the system, where it is missing."""
    if not sys.platform.startswith("linux"):
        return
    needed = QT_ALWAYS | (QT_WINDOW if window else {})
    packages = [package for library, package in needed.items() if not loads(library)]
    if not has_fonts():
        packages.append(FONT_PACKAGE)
    if packages:
        apt_install(packages, "for Qt")


def loads(library: str) -> bool:
    """Whether the system's loader finds the library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_fonts() -> bool:
    """Whether there is any font to draw with."""
    places = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts", Path.home() / ".local/share/fonts"]
    return any(next(place.rglob("*.[to]tf"), None) for place in places if place.is_dir())


def apt_install(packages: list[str], purpose: str) -> None:
    """Install Debian packages as root, or say how."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"These system packages are missing {purpose}. Please install them and start again:\n  sudo {shlex.join(command)}")
        raise SystemExit(2)
    print(f"Installing {' '.join(packages)} {purpose} ...")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"stdout": subprocess.DEVNULL, "env": environment}
    if subprocess.run(command, check=False, stderr=subprocess.DEVNULL, **quiet).returncode:
        subprocess.run(["apt-get", "update"], check=True, **quiet)
        subprocess.run(command, check=True, **quiet)


def run(*command: str) -> int:
    """Run in the project's folder and return the exit status."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
