# shellcheck shell=bash
# Configuring and building CMake presets. Sourced by ./dev.

# build_preset PRESET [TARGET]: configures when that is needed, then builds everything or TARGET.
build_preset() {
  local preset=$1 directory=$HF_ROOT/build/$1 target=(${2:+--target "$2"})
  grep -q "\"name\": \"$preset\"" "$HF_ROOT/CMakePresets.json" ||
    die "there is no preset '$preset'" "CMakePresets.json lists them"
  if [[ ! -f $directory/build.ninja || $HF_ROOT/CMakePresets.json -nt $directory/build.ninja ]]; then
    need_disk "$HF_ROOT" 1500
    say "build: configuring $preset"
    run_logged "$directory/configure.log" "configuring the preset $preset failed" \
      "the log above names what is missing" cmake --preset "$preset"
  fi
  say "build: $preset${2:+ ($2)}"
  if ! nice -n 5 cmake --build "$directory" --parallel "$(nproc)" "${target[@]}" </dev/null |
    build_progress "$preset"; then
    die "the preset $preset did not build" "mend the error above"
  fi
}

# Shows ninja's status lines every ten steps and everything else in full. (Looking for new source
# files is a step of its own, number 0 of 2.)
build_progress() {
  local line
  while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
      if ((BASH_REMATCH[1] > 0 && BASH_REMATCH[1] % 10 == 0 || BASH_REMATCH[1] == BASH_REMATCH[2])); then
        say "build: $1 ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
      fi
    elif [[ $line != 'ninja: Entering directory'* && $line != 'ninja: no work to do.' ]]; then
      printf '%s\n' "$line" >&2
    fi
  done
}
