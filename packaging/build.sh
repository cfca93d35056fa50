#!/usr/bin/env bash
# Makes build/package/holdfast_VERSION_ARCH.deb, holdfast-VERSION-linux-MACHINE.tar.gz and the bill of
# materials of both, from build/release/holdfast and the cached engine. Run by ./dev package, which builds both first.
# The same tree gives the same bytes: times come from the last commit, owners are root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

binary=build/release/holdfast
engine=${HOLDFAST_ENGINE:?"run ./dev package"}
version=$(sed -n 's/^project(holdfast VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
architecture=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
out=build/package
work=$(mktemp -d build/.package.XXXXXX)
trap 'rm -rf "$work"' EXIT
rm -rf "$out"
mkdir -p "$out"

# Programs and texts that both packages carry, laid out below $1.
install_files() {
  local root=$1
  install -D -m 755 "$binary" "$root/bin/holdfast"
  llvm-strip-19 "$root/bin/holdfast"
  install -D -m 755 "$engine" "$root/lib/holdfast/llama-server"
  mkdir -p "$root"/share/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d} \
    "$root/share/doc/holdfast"
  "$binary" completion bash >"$root/share/bash-completion/completions/holdfast"
  "$binary" completion zsh >"$root/share/zsh/vendor-completions/_holdfast"
  "$binary" completion fish >"$root/share/fish/vendor_completions.d/holdfast.fish"
  install -m 644 README.md "$root/share/doc/holdfast/README.md"
  cp -r --no-preserve=mode,ownership examples "$root/share/doc/holdfast/examples"
  python3 packaging/sbom.py build/release "$root/bin/holdfast" "$root/lib/holdfast/llama-server" \
    "$version" "$SOURCE_DATE_EPOCH" >"$root/share/doc/holdfast/sbom.cdx.json"
  find "$root" -name '__pycache__' -prune -exec rm -rf {} +
}

make_deb() {
  local root=$work/deb depends
  install_files "$root/usr"
  install -D -m 644 packaging/holdfast.service "$root/lib/systemd/system/holdfast.service"
  install -D -m 640 packaging/holdfast.yaml "$root/etc/holdfast/holdfast.yaml"
  gzip -9n <CHANGELOG.md >"$root/usr/share/doc/holdfast/changelog.gz"
  sed -e 's/^$/./' -e 's/^/ /' "$(dirname "$engine")/LICENSE" >"$work/engine-license"
  sed -e "/@ENGINE_LICENSE@/{r $work/engine-license" -e 'd}' packaging/debian/copyright \
    >"$root/usr/share/doc/holdfast/copyright"
  # dpkg-shlibdeps wants the folder of a source package.
  mkdir -p "$work/source/debian"
  printf 'Source: holdfast\n\nPackage: holdfast\nArchitecture: any\n' >"$work/source/debian/control"
  depends=$(cd "$work/source" && dpkg-shlibdeps -O \
    "../deb/usr/bin/holdfast" "../deb/usr/lib/holdfast/llama-server" | sed -n 's/^shlibs:Depends=//p')
  mkdir "$root/DEBIAN"
  sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
    -e "s/@SIZE@/$(du -sk "$root" | cut -f1)/" packaging/debian/control.in >"$root/DEBIAN/control"
  install -m 644 packaging/debian/conffiles "$root/DEBIAN/conffiles"
  install -m 755 packaging/debian/{postinst,prerm,postrm} "$root/DEBIAN/"
  (cd "$root" && find etc lib usr -type f -print0 | sort -z | xargs -0 md5sum) >"$work/md5sums"
  grep -v '  etc/' "$work/md5sums" >"$root/DEBIAN/md5sums"
  find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$root" \
    "$out/holdfast_${version}_$architecture.deb" >/dev/null
}

make_tarball() {
  local name
  name=holdfast-$version-linux-$(uname -m)
  install_files "$work/$name"
  install -D -m 644 packaging/holdfast.service "$work/$name/share/systemd/holdfast.service"
  install -D -m 644 packaging/holdfast.yaml "$work/$name/etc/holdfast.yaml"
  install -m 644 LICENSE "$work/$name/LICENSE"
  install -m 644 "$(dirname "$engine")/LICENSE" "$work/$name/lib/holdfast/LICENSE"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -C "$work" -c "$name" | gzip -n >"$out/$name.tar.gz"
}

make_deb
make_tarball
cp "$work/deb/usr/share/doc/holdfast/sbom.cdx.json" "$out/holdfast-$version.cdx.json"
(cd "$out" && sha256sum -- *.deb *.tar.gz *.cdx.json >SHA256SUMS)
(cd "$out" && ls -l -- *)
