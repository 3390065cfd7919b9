# make demo    animates the example portrait with the example clip: out/demo.mp4 and out/demo.png
# make bench   measures speed, latency and memory on this machine: a table, and out/bench.json; then how fast an
#              imported model of full size would be, with made-up weights, which takes 3 GB of disk for some minutes
# make test    runs all tests, two files at a time, at most 12 minutes
# make check   style, types and import contracts
# make gpu     on an NVIDIA GPU: times every way to paint, beside the roofline, and runs the tests that need one
# make clean   removes what the others made, but not .venv
#
# make test-devices   the program against a webcam and virtual cameras of a kernel, in an emulated machine: an hour,
#                     only on Debian or Ubuntu, with packages that it names; no part of `make test`
#
# make fuzz   fuzzes every reader of files and messages from strangers, ten minutes each (SECONDS=60 for one minute); on
#             Linux only, no part of `make test`
#
# make screenshots   takes docs/window.jpg and docs/window-light.jpg anew; needs xvfb-run
#
# make package   the wheel and the source archive, out/dist; the wheel is installed into an empty environment and tried
# make app       a folder that needs no Python, out/app/puppet, with PyInstaller; it is tried too
#
# The first call makes .venv and installs everything into it; so does a call after pyproject.toml has changed.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo bench test check gpu clean test-devices fuzz screenshots package app

BIN := .venv/bin
INSTALLED := .venv/installed

demo: $(INSTALLED)
	$(BIN)/python export/demo.py --out out

bench: $(INSTALLED)
	mkdir -p out
	$(BIN)/puppet bench --json out/bench.json
	$(BIN)/python export/bench_authors.py

test: $(INSTALLED)
# Tests start many programs: what they import is compiled once, whatever the environment says.
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --session-timeout=720

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

gpu: $(INSTALLED)
	$(BIN)/python export/bench_gpu.py --json out/gpu.json
	$(BIN)/python -m pytest -m gpu

test-devices: $(INSTALLED)
	$(BIN)/python tests/guest/guest.py --out out/guest

fuzz: SECONDS := 600
fuzz: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	$(BIN)/python tests/fuzz/run.py --seconds $(SECONDS) --out out/fuzz

screenshots: $(INSTALLED)
	xvfb-run --auto-servernum $(BIN)/python docs/screenshots.py

package: $(INSTALLED)
	$(BIN)/python app/package.py --out out/dist

app: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[app]'
	$(BIN)/python -m PyInstaller --noconfirm --log-level WARN --distpath out/app --workpath out/app-work app/puppet.spec
	$(BIN)/python app/try_app.py out/app/puppet

clean:
	rm -rf out dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find engines export puppet tests ui -name __pycache__ -type d -prune -exec rm -rf {} +

# A launcher may exist for a version that is not installed, so each is run, not only looked for.
define FIND_PYTHON
for candidate in python3.11 python3.12 python3; do \
    if $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
        python=$$candidate; break; \
    fi; \
done; \
if [ -z "$${python:-}" ]; then \
    echo 'Python 3.11 or 3.12 is needed and was not found. On Debian or Ubuntu: sudo apt-get install python3 python3-venv' >&2; \
    exit 1; \
fi
endef

# What OpenCV, Qt and the virtual environment need from the system.
define FIND_LIBRARIES
missing=''; \
if [ "$$(uname -s)" = Linux ]; then \
    $$python -c 'import ctypes; ctypes.CDLL("libGL.so.1")' 2>/dev/null || missing+=' libgl1'; \
    $$python -c 'import ctypes; ctypes.CDLL("libgthread-2.0.so.0")' 2>/dev/null || missing+=' libglib2.0-0'; \
    $$python -c 'import ctypes; ctypes.CDLL("libEGL.so.1")' 2>/dev/null || missing+=' libegl1'; \
    $$python -c 'import ctypes; ctypes.CDLL("libxkbcommon.so.0")' 2>/dev/null || missing+=' libxkbcommon0'; \
    $$python -c 'import ctypes; ctypes.CDLL("libfontconfig.so.1")' 2>/dev/null || missing+=' libfontconfig1'; \
    $$python -c 'import ctypes; ctypes.CDLL("libdbus-1.so.3")' 2>/dev/null || missing+=' libdbus-1-3'; \
    $$python -c 'import ensurepip' 2>/dev/null || \
        missing+=" $$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
fi; \
if [ -n "$$missing" ]; then \
    echo "System libraries are missing. On Debian or Ubuntu: sudo apt-get install$$missing" >&2; \
    exit 1; \
fi
endef

$(INSTALLED): pyproject.toml
	@set -e; $(FIND_PYTHON); $(FIND_LIBRARIES); \
	[ -x $(BIN)/python ] || $$python -m venv .venv; \
	echo 'Installing into .venv (some GB, a few minutes) ...'; \
	if ! $(BIN)/python -m pip install --quiet --editable '.[dev]' >.venv/install.log 2>&1; then \
	    cat .venv/install.log >&2; \
	    exit 1; \
	fi
	@touch $@
