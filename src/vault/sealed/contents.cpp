#include "vault/sealed/contents.h"

namespace holdfast::vault::sealed {
namespace {
constexpr std::uint64_t format = 1;
// What a file may ask for before it is known to be ours: some seconds and 256 MiB.
constexpr std::uint64_t most_passes = 10;
constexpr std::uint64_t most_memory = std::uint64_t{256} << 20U;
constexpr std::uint64_t least_memory = std::uint64_t{8} << 10U;  // of Argon2
constexpr std::uint64_t most_id = std::uint64_t{1} << 62U;

std::optional<std::int64_t> read_id(FieldReader& reader) {
  const auto value = reader.number();
  if (!value || *value > most_id) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

bool read_head(FieldReader& reader, Contents& into) {
  const auto version = reader.number();
  const auto install_id = reader.text();
  const auto protection = reader.text();
  const auto generation = read_id(reader);
  const auto previous = reader.text();
  if (!version || *version != format || !install_id || install_id->size() != install_id_bytes ||
      !protection || !generation || !previous)
    return false;
  auto decoded = decode_protection(*protection);
  if (!decoded) return false;
  into.install_id = *install_id;
  into.protection = *std::move(decoded);
  into.generation = *generation;
  into.previous_seal = *previous;
  return true;
}

bool read_data_keys(FieldReader& reader, Contents& into) {
  const auto count = reader.number();
  if (!count) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto id = read_id(reader);
    const auto sealed = reader.text();
    if (!id || !sealed) return false;
    if (!into.data_keys.empty() && into.data_keys.rbegin()->first >= *id) return false;
    into.data_keys.emplace_hint(into.data_keys.end(), *id, *sealed);
  }
  return true;
}

bool read_rows(FieldReader& reader, Contents& into) {
  const auto count = reader.number();
  if (!count) return false;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto tag = reader.text();
    const auto version = read_id(reader);
    const auto metadata = reader.text();
    const auto secret = reader.text();
    if (!tag || !version || !metadata || !secret) return false;
    RowName name{std::string(*tag), *version};
    if (!into.rows.empty() && !(into.rows.rbegin()->first < name)) return false;
    into.rows.emplace_hint(into.rows.end(), std::move(name),
                           Row{std::string(*metadata), std::string(*secret)});
  }
  return true;
}
}  // namespace

std::string encode(const Protection& protection) {
  FieldWriter writer;
  writer.number(static_cast<std::uint64_t>(protection.kind)).text(protection.salt);
  writer.number(protection.cost.passes).number(protection.cost.memory_bytes);
  writer.text(protection.wrapped_root);
  return writer.take();
}

std::optional<Protection> decode_protection(std::string_view bytes) {
  FieldReader reader(bytes);
  const auto kind = reader.number();
  const auto salt = reader.text();
  const auto passes = reader.number();
  const auto memory = reader.number();
  const auto wrapped = reader.text();
  if (!kind || !salt || !passes || !memory || !wrapped || !reader.done()) return std::nullopt;
  if (*kind != static_cast<std::uint64_t>(OperatorKind::key_file) &&
      *kind != static_cast<std::uint64_t>(OperatorKind::passphrase))
    return std::nullopt;
  if (salt->size() != salt_bytes || *passes < 1 || *passes > most_passes ||
      *memory < least_memory || *memory > most_memory)
    return std::nullopt;
  return Protection{static_cast<OperatorKind>(*kind), std::string(*salt),
                    Argon2Cost{static_cast<std::uint32_t>(*passes), *memory},
                    std::string(*wrapped)};
}

std::string encode(const Contents& contents) {
  FieldWriter writer;
  writer.number(format).text(contents.install_id).text(encode(contents.protection));
  writer.number(static_cast<std::uint64_t>(contents.generation)).text(contents.previous_seal);
  writer.number(contents.data_keys.size());
  for (const auto& [id, sealed] : contents.data_keys)
    writer.number(static_cast<std::uint64_t>(id)).text(sealed);
  writer.number(contents.rows.size());
  for (const auto& [name, row] : contents.rows)
    writer.text(name.tag)
        .number(static_cast<std::uint64_t>(name.version))
        .text(row.metadata)
        .text(row.secret);
  return writer.take();
}

std::optional<Contents> decode_contents(std::string_view bytes) {
  FieldReader reader(bytes);
  Contents contents;
  if (!read_head(reader, contents) || !read_data_keys(reader, contents) ||
      !read_rows(reader, contents) || !reader.done())
    return std::nullopt;
  return contents;
}
}  // namespace holdfast::vault::sealed
