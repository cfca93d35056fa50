# shellcheck shell=bash
# The local engine: llama-server, built once per machine from a pinned source package.
# engine_path says where it is or will be; engine_build makes it. Sourced by ./dev.

hf_engine_flags=(
  -DCMAKE_BUILD_TYPE=Release
  -DBUILD_SHARED_LIBS=OFF
  -DCMAKE_C_COMPILER=clang-19
  -DCMAKE_CXX_COMPILER=clang++-19
  "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld-19 -static-libstdc++ -static-libgcc"
  -DLLAMA_BUILD_UI=OFF
  -DLLAMA_USE_PREBUILT_UI=OFF
  -DLLAMA_BUILD_APP=OFF
  -DLLAMA_BUILD_TESTS=OFF
  -DLLAMA_BUILD_EXAMPLES=OFF
  -DLLAMA_OPENSSL=OFF  # it serves on loopback and downloads nothing
  -DLLAMA_ALL_WARNINGS=OFF
  -DGGML_NATIVE=OFF    # the key below would otherwise have to name the processor
  -DGGML_OPENMP=OFF    # ggml's own thread pool, so that no runtime library is needed
  -DGGML_CCACHE=OFF
)

# Without GGML_NATIVE, ggml assumes AVX2 and its companions on x86-64. A processor that lacks one gets
# a build without it, under a key of its own.
engine_processor_flags() {
  local pair feature option
  [[ $(uname -m) == x86_64 ]] || return 0
  for pair in avx2:AVX2 avx:AVX fma:FMA f16c:F16C bmi2:BMI2; do
    feature=${pair%%:*} option=${pair##*:}
    grep -qw -- "$feature" /proc/cpuinfo || printf -- '-DGGML_%s=OFF\n' "$option"
  done
}

engine_key() {
  {
    cat "$HF_ROOT/third_party/engine.requirements.txt"
    printf '%s\n' "${hf_engine_flags[@]}" "$(engine_processor_flags)" "$(uname -m)"
  } | hash_of -
}

engine_path() { printf '%s/engine/%s/llama-server\n' "$HF_CACHE" "$(engine_key)"; }

# Fetches the source archive into directory $1; every file that pip opens is checked by sha256.
engine_fetch() {
  local work=$1 python pip
  python=$(system_python)
  say "engine: fetching its source (77 MB)"
  run_logged "$work/venv.log" "cannot create a Python environment" "apt-get install python3-venv" \
    "$python" -m venv "$work/venv"
  pip=("$work/venv/bin/python" -m pip --disable-pip-version-check --no-input)
  run_logged "$work/backend.log" "cannot fetch the engine's build backend from the Python package index" \
    "check the network and pip's settings (pip config list)" \
    "${pip[@]}" install --require-hashes --only-binary :all: \
    -r "$HF_ROOT/third_party/engine.constraints.txt"
  run_logged "$work/fetch.log" "cannot fetch the engine's source from the Python package index" \
    "check the network and pip's settings (pip config list)" \
    "${pip[@]}" download --require-hashes --no-deps --no-build-isolation \
    --no-binary llama-cpp-python --dest "$work" -r "$HF_ROOT/third_party/engine.requirements.txt"
}

# Ninja's own status lines become one line of progress every 10 %.
engine_progress() {
  local line done=0 total percent shown=0
  while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      done=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]}
      percent=$((done * 100 / total))
      if ((percent >= shown + 10)); then
        shown=$((percent / 10 * 10))
        say "engine: $shown % compiled ($done of $total)"
      fi
    fi
  done
}

# Builds the engine unless it is there. Two builds at the same time wait for each other.
engine_build() {
  local target
  target=$(engine_path)
  if [[ -x $target ]]; then return 0; fi
  mkdir -p "$HF_CACHE/engine"
  (
    if ! flock --nonblock 9; then
      say "engine: another build of it is running; waiting for that one"
      flock 9
    fi
    if [[ -x $target ]]; then exit 0; fi
    engine_build_locked "$target"
  ) 9>"$HF_CACHE/engine/lock"
}

engine_build_locked() {
  local target=$1 work
  need_disk "$HF_CACHE" 2500
  say "engine: building llama-server once for this machine (4 to 10 minutes on two cores)"
  # Left-overs of an interrupted build: the lock says that nobody uses them.
  rm -rf "$HF_CACHE"/engine/.build.*
  work=$(mktemp -d "$HF_CACHE/engine/.build.XXXXXX")
  engine_fetch "$work"
  mkdir "$work/source"
  tar -xzf "$work"/llama_cpp_python-*.tar.gz -C "$work/source" --strip-components=3 \
    --wildcards '*/vendor/llama.cpp' || die "cannot unpack the engine's source" "is the disk full?"
  local processor_flags=()
  mapfile -t processor_flags < <(engine_processor_flags)
  run_logged "$HF_CACHE/engine/configure.log" "the engine's configure step failed" \
    "the log above names what is missing" \
    cmake -G Ninja -S "$work/source" -B "$work/build" "${hf_engine_flags[@]}" "${processor_flags[@]}"
  if ! nice -n 19 ninja -C "$work/build" llama-server </dev/null 2>&1 |
    tee "$HF_CACHE/engine/build.log" | engine_progress; then
    tail -n 30 "$HF_CACHE/engine/build.log" >&2
    die "the engine did not build" "see $HF_CACHE/engine/build.log"
  fi
  mkdir "$work/result"
  llvm-strip-19 -o "$work/result/llama-server" "$work/build/bin/llama-server" ||
    die "the engine's build left no llama-server" "see $HF_CACHE/engine/build.log"
  cp "$work/source/LICENSE" "$work/result/LICENSE"
  "$work/result/llama-server" --version >/dev/null 2>&1 ||
    die "the engine was built but does not run here" "see $HF_CACHE/engine/build.log"
  rm -rf "$(dirname "$target")"
  mv "$work/result" "$(dirname "$target")"
  rm -rf "$work"
  say "engine: ready"
}
