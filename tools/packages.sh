# shellcheck shell=bash
# Debian packages: third_party/packages.txt names them, this file installs what is missing.
# Sourced by ./dev.

# as_root COMMAND...: need_root has been asked before, since output is often redirected here.
as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# need_root WHY: asks sudo for its password now, where it can be seen.
need_root() {
  if ((EUID == 0)); then return 0; fi
  have sudo || die "$1 needs root, and there is no sudo" "run this once as root"
  sudo -v || die "$1 needs root, and sudo refused" "run this once as root"
}

hf_apt_updated=no

apt_update_once() {
  [[ $hf_apt_updated == no ]] || return 0
  hf_apt_updated=yes
  need_root "reading the package lists"
  say "packages: reading the package lists"
  # A broken third-party list is no reason to stop; what is really missing shows below.
  as_root apt-get update -qq >"$HF_CACHE/apt-update.log" 2>&1 </dev/null ||
    say "packages: apt-get update complained (see $HF_CACHE/apt-update.log); going on"
}

check_system() {
  local id='' version=''
  if [[ -r /etc/os-release ]]; then
    id=$(. /etc/os-release && printf '%s' "${ID:-}")
    version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
  fi
  if [[ $id != debian || $version != 12 ]]; then
    die "this is ${id:-an unknown system} $version; packages are known for Debian 12 only" \
      "install what third_party/packages.txt lists by hand, then set HOLDFAST_SKIP_PACKAGES=1"
  fi
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) die "processor $(uname -m) is not supported" "use x86_64 or aarch64" ;;
  esac
}

# packages_missing SET...: names the packages of these sets that are absent or too old. One that
# another package provides (npm, of Node's own nodejs) is there, and conflicts with Debian's.
packages_missing() {
  local -A installed=()
  local name status version provided set minimum rest
  while read -r name status version provided; do
    [[ $status == installed ]] || continue
    installed[${name%%:*}]=$version
    if [[ " ${provided//,/ } " == *" npm "* ]]; then installed[npm]=$version; fi
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version} ${Provides}\n')
  while read -r set name minimum rest; do
    [[ " $* " == *" $set "* ]] || continue
    version=${installed[$name]:-}
    if [[ -z $version ]] || dpkg --compare-versions "$version" lt "$minimum"; then
      printf '%s\n' "$name"
    fi
  done < <(grep -v '^#' "$HF_ROOT/third_party/packages.txt")
}

# packages_need SET...: installs what is missing of these sets, in one call.
packages_need() {
  local missing=()
  [[ ${HOLDFAST_SKIP_PACKAGES:-} != 1 ]] || return 0
  check_system
  mkdir -p "$HF_CACHE"
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]} > 0)) || return 0
  need_disk "$HF_CACHE" 500
  need_root "installing ${missing[*]}"
  apt_update_once
  say "packages: installing ${#missing[@]}: ${missing[*]}"
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >"$HF_CACHE/apt-install.log" 2>&1 </dev/null; then
    tail -n 15 "$HF_CACHE/apt-install.log" >&2
    die "these Debian packages could not be installed: ${missing[*]}" \
      "check the network and the apt sources; the whole log is $HF_CACHE/apt-install.log"
  fi
  mapfile -t missing < <(packages_missing "$@")
  if ((${#missing[@]} > 0)); then
    die "these Debian packages are older than third_party/packages.txt asks: ${missing[*]}" \
      "add bookworm-security and bookworm-updates to the apt sources, or upgrade them by hand"
  fi
}

# unpacked_tool PACKAGE: where its file is or will be.
unpacked_tool() {
  local name minimum file
  while read -r _ name minimum file; do
    if [[ $name == "$1" && -n $file ]]; then
      printf '%s/unpacked/%s-%s/%s\n' "$HF_CACHE" "$name" "$minimum" "$file"
      return 0
    fi
  done < <(grep '\.unpacked ' "$HF_ROOT/third_party/packages.txt")
  die "third_party/packages.txt has no unpacked package $1" "add its line"
}

# unpack_tool PACKAGE: takes the program out of its .deb, which apt checks against its signed lists.
# The service in the package is neither installed nor started.
unpack_tool() {
  local package=$1 target work
  target=$(unpacked_tool "$package")
  if [[ -x $target ]]; then return 0; fi
  mkdir -p "$HF_CACHE/unpacked"
  work=$(mktemp -d "$HF_CACHE/unpacked/.XXXXXX")
  chmod 755 "$work"
  say "packages: taking $(basename "$target") out of the package $package"
  if ! (cd "$work" && apt-get download -qq "$package" >download.log 2>&1 </dev/null); then
    apt_update_once
    (cd "$work" && apt-get download -qq "$package" >download.log 2>&1 </dev/null) || {
      tail -n 5 "$work/download.log" >&2
      rm -rf "$work"
      die "the Debian package $package could not be fetched" "check the network and the apt sources"
    }
  fi
  dpkg-deb -x "$work/$package"_*.deb "$work/root" || die "cannot unpack $package" "is the disk full?"
  local root=${target%"/$(unpacked_file "$package")"}
  rm -rf "$root"
  mv "$work/root" "$root"
  rm -rf "$work"
  if ldd "$target" 2>/dev/null | grep -q 'not found'; then
    ldd "$target" | grep 'not found' >&2
    die "$(basename "$target") lacks the libraries above" "install them with apt-get"
  fi
}

unpacked_file() { awk -v package="$1" '$1 ~ /\.unpacked$/ && $2 == package { print $4 }' \
  "$HF_ROOT/third_party/packages.txt"; }
