# Shared by the scripts of this folder: source it, then call ensure_setup or
# ensure_build. Sets:
#   STRUT_ROOT   the source tree
#   STRUT_CACHE  what is installed once and shared by builds: the Python
#                environment and the ONNX library
#   STRUT_VENV   the Python environment; its bin/ leads PATH after ensure_setup
# shellcheck shell=bash
set -euo pipefail

STRUT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export STRUT_CACHE=${STRUT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/strut}
STRUT_VENV=$STRUT_CACHE/venv
STRUT_ONNX_VERSION=1.23.2
STRUT_ONNX=$STRUT_CACHE/onnx-$STRUT_ONNX_VERSION
STRUT_JOBS=${STRUT_JOBS:-$(nproc)}

# say TEXT...: one line of progress, after the seconds since the script began.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }

# fail WHAT WHY-AND-WHAT-TO-DO...: ends the script with a message.
fail() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '       %s\n' "$@" >&2
  exit 1
}

# quietly NAME COMMAND...: runs a long command into a log; shows its end on failure.
quietly() {
  local log=$STRUT_CACHE/log/$1.log
  shift
  mkdir -p "$STRUT_CACHE/log"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    fail "command failed: $*" "The lines above are the end of $log."
  fi
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  elif command -v sudo >/dev/null; then
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  else
    fail "Debian packages are missing and this user is not root" \
      "Install sudo, or run as root: $*"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      echo "$package"
  done
}

# need_packages NAME...: installs the Debian packages that are not there yet.
need_packages() {
  command -v dpkg-query >/dev/null ||
    fail "this is not a Debian system" \
      "Install the equivalents of scripts/packages.txt, then use cmake --preset release."
  local missing package
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  quietly apt-update as_root apt-get update -q
  for package in "${missing[@]}"; do
    [[ $(apt-cache policy "$package" | sed -n 's/^ *Candidate: //p') =~ ^[0-9] ]] ||
      fail "apt offers no package $package" \
        "LLVM 22 comes with Debian 12's security updates; is bookworm-security in" \
        "/etc/apt/sources.list? A newer Debian or the LLVM project's packages serve as well."
  done
  quietly apt-install as_root apt-get install -y -q --no-install-recommends "${missing[@]}"
}

ensure_packages() {
  local packages
  mapfile -t packages < <(grep -v '^#' "$STRUT_ROOT/scripts/packages.txt")
  need_packages "${packages[@]}"
}

# ensure_venv [FOLDER REQUIREMENTS]: a Python environment with these packages; by
# default that of the build and the tests.
ensure_venv() {
  local venv=${1:-$STRUT_VENV} requirements=$STRUT_ROOT/scripts/${2:-requirements.txt}
  local stamp=$venv/strut-requirements wanted
  wanted=$(sha256sum <"$requirements")
  [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
  local python=${STRUT_PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or newer is needed, and '$python' is not" \
      "Name one: STRUT_PYTHON=/usr/bin/python3.11 $0"
  say "installing Python packages into $venv"
  [[ -x $venv/bin/pip ]] || quietly venv "$python" -m venv "$venv"
  quietly pip "$venv/bin/pip" install --no-deps --disable-pip-version-check -r "$requirements"
  echo "$wanted" >"$stamp"
}

# ensure_torch: an environment with torch, for exports only (two gigabytes, opt-in).
# Its wheel is linked against GPU libraries that an export never calls; libraries
# whose every function fails stand in for them.
ensure_torch() {
  local venv=$STRUT_CACHE/torch packages libraries gpu name
  ensure_venv "$venv" requirements-models.txt
  packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  libraries=$packages/torch/lib gpu=$packages/nvidia/cu13/lib
  "$venv/bin/python" -c 'import torch' 2>/dev/null && return 0
  mkdir -p "$gpu"
  nm -D --undefined-only "$libraries"/*.so | awk '{ sub("@.*", "", $2); print $2 }' |
    grep -E '^(cu|nccl|nvrtc|nvshmem)' | grep -v '^cuda' | sort -u |
    sed 's/.*/int &(void) { return 999; }/' >"$gpu/absent.c"
  readelf -d "$libraries"/*.so | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | sort -u |
    grep -E '^lib(cu|nccl|nv)' | grep -v '^libcuda\.' | while read -r name; do
    [[ -e $libraries/$name || -e $gpu/$name ]] ||
      quietly torch-libraries clang-22 -shared -fPIC "-Wl,-soname,$name" "$gpu/absent.c" -o "$gpu/$name"
  done
  "$venv/bin/python" -c 'import torch' ||
    fail "torch does not start from $venv" "Remove that folder to install it again."
}

# The official ONNX library from its source distribution, built once.
ensure_onnx() {
  [[ -f $STRUT_ONNX/lib/cmake/ONNX/ONNXConfig.cmake ]] && return 0
  local source=$STRUT_CACHE/src/onnx-$STRUT_ONNX_VERSION
  if [[ ! -f $source/CMakeLists.txt ]]; then
    say "fetching the source of ONNX $STRUT_ONNX_VERSION"
    local work
    work=$(mktemp -d)
    quietly onnx-fetch "$STRUT_VENV/bin/pip" download --disable-pip-version-check \
      --no-binary onnx --no-deps -d "$work" "onnx==$STRUT_ONNX_VERSION"
    mkdir -p "$STRUT_CACHE/src"
    tar -xzf "$work/onnx-$STRUT_ONNX_VERSION.tar.gz" -C "$STRUT_CACHE/src"
    rm -rf "$work"
  fi
  say "building the ONNX library (about three minutes on two cores, once)"
  rm -rf "$source/build" "$STRUT_ONNX.part"
  quietly onnx-configure cmake -S "$source" -B "$source/build" -G Ninja \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$STRUT_ONNX.part" \
    -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
    -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
    -DONNX_USE_PROTOBUF_SHARED_LIBS=ON -DONNX_BUILD_PYTHON=OFF
  quietly onnx-build cmake --build "$source/build" --parallel "$STRUT_JOBS"
  quietly onnx-install cmake --install "$source/build"
  # The package finds its files relative to itself; moving it last makes a
  # half-finished installation impossible.
  rm -rf "$STRUT_ONNX" "$source/build"
  mv "$STRUT_ONNX.part" "$STRUT_ONNX"
}

# ensure_setup: everything that a build needs; no network where it is all there.
ensure_setup() {
  mkdir -p "$STRUT_CACHE"
  ensure_packages
  exec 9>"$STRUT_CACHE/lock"
  flock 9
  ensure_venv
  # LLVM comes last: the same compiler under a second path makes CMake start over.
  export PATH=$STRUT_VENV/bin:$PATH:/usr/lib/llvm-22/bin
  ensure_onnx
  flock -u 9
  exec 9>&-
}

# ensure_build [PRESET]: sets up and builds; STRUT_BUILD becomes the build folder,
# and Python imports strut from there.
ensure_build() {
  local preset=${1:-release}
  export STRUT_BUILD=$STRUT_ROOT/build/$preset
  export PYTHONPATH=$STRUT_BUILD/python${PYTHONPATH:+:$PYTHONPATH}
  ensure_setup
  # Ninja runs CMake again by itself, but for a changed preset.
  if [[ ! -f $STRUT_BUILD/build.ninja || $STRUT_ROOT/CMakePresets.json -nt $STRUT_BUILD/build.ninja ]]; then
    say "configuring $preset"
    quietly "configure-$preset" cmake -S "$STRUT_ROOT" --preset "$preset"
  fi
  say "building $preset"
  if [[ -t 1 ]]; then
    ninja -C "$STRUT_BUILD" -j "$STRUT_JOBS" || fail "the build failed"
  else
    local log=$STRUT_BUILD/build.log
    ninja -C "$STRUT_BUILD" -j "$STRUT_JOBS" >"$log" 2>&1 </dev/null || {
      grep -a -E -A 12 'FAILED:|error:' "$log" | head -n 60 >&2 || true
      fail "the build failed" "Its full output is in $log."
    }
  fi
  say "built; tools are in ${STRUT_BUILD#"$PWD"/}/bin"
}
