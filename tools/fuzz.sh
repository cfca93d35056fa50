# shellcheck shell=bash
# ./dev fuzz: every fuzz target from its seeds, two at a time, bounded in time. Sourced by ./dev.

verb_fuzz() {
  local seconds=${1:-60} targets=() each target pids=() failed=() index=0
  [[ $seconds =~ ^[0-9]+$ ]] || die "'$seconds' is not a number of seconds" "./dev fuzz 60"
  packages_need build
  build_preset fuzz
  mapfile -t targets < <(find build/fuzz -maxdepth 1 -type f -name '*_fuzz' -perm -u+x | sort)
  if ((${#targets[@]} == 0)); then
    say "fuzz: no target is built yet"
    return 0
  fi
  each=$((seconds * 2 / ${#targets[@]}))
  if ((each < 2)); then each=2; fi
  if ((each > seconds)); then each=$seconds; fi
  say "fuzz: ${#targets[@]} targets, $each s each, two at a time"
  mkdir -p build/fuzz/artifacts
  while ((index < ${#targets[@]})); do
    pids=()
    for target in "${targets[@]:index:2}"; do
      fuzz_one "$target" "$each" &
      pids+=("$!:$(basename "$target")")
    done
    for target in "${pids[@]}"; do
      wait "${target%%:*}" || failed+=("${target#*:}")
    done
    index=$((index + 2))
  done
  if ((${#failed[@]} > 0)); then
    die "these fuzz targets failed: ${failed[*]}" \
      "the input is in build/fuzz/artifacts/NAME/; keep it as a seed when it is mended"
  fi
  say "fuzz: ${#targets[@]} targets ran, none failed"
}

# fuzz_one TARGET SECONDS: seeds are the folder corpus/NAME beside the target's source or one folder
# above it, or corpus/ itself.
fuzz_one() {
  local target=$1 seconds=$2 name source beside seeds=() log
  name=$(basename "$target")
  log=build/fuzz/$name.log
  mkdir -p "build/fuzz/corpus/$name" "build/fuzz/artifacts/$name"
  source=$(find src tests -name "$name.cpp" | head -n 1)
  beside=$(dirname "${source:-src/none}")/corpus
  if [[ -d $beside/$name ]]; then
    seeds=("$beside/$name")
  elif [[ -d $(dirname "$(dirname "$beside")")/corpus/$name ]]; then
    seeds=("$(dirname "$(dirname "$beside")")/corpus/$name")
  elif [[ -d $beside ]]; then
    seeds=("$beside")
  fi
  # The new inputs go to build/, so that a run never changes the tree.
  if ! nice -n 5 "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="build/fuzz/artifacts/$name/" -print_final_stats=1 \
    "build/fuzz/corpus/$name" "${seeds[@]}" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    return 1
  fi
  say "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, no failure"
}
