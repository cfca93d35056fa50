// Proofs, as text.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "audit/text.h"
#include "audit/verify.h"

namespace holdfast::audit {
namespace {

namespace json = boost::json;
constexpr std::size_t proof_bytes = 1U << 20U;

json::array to_json(std::span<const Hash> path) {
  json::array out;
  for (const Hash& node : path) out.emplace_back(base64(node));
  return out;
}

std::optional<std::vector<Hash>> path_from(const json::value* value) {
  if (value == nullptr || !value->is_array() || value->get_array().size() > 128)
    return std::nullopt;
  std::vector<Hash> out;
  for (const json::value& one : value->get_array()) {
    const auto hash = one.is_string() ? hash_from_base64(one.get_string()) : std::nullopt;
    if (!hash) return std::nullopt;
    out.push_back(*hash);
  }
  return out;
}

std::optional<std::string> text_of(const json::object& from, std::string_view name) {
  const json::value* value = from.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

Result<Signed> signed_now(const Reader& reader, const PublicKey& key) {
  auto last = reader.last_signed(key);
  if (!last) return std::unexpected(std::move(last).error());
  if (!*last) return fail(ErrorCode::invalid_request, "nothing of this log is signed for yet");
  return **std::move(last);
}

// A proof that does not prove is none: the tree's nodes on the disk may be damaged.
Result<std::string> checked(const json::object& proof, const PublicKey& key) {
  std::string text = json::serialize(proof) + "\n";
  if (auto shown = check_proof(text, key); !shown)
    return fail(ErrorCode::io,
                "the files of this log do not fit together: `holdfast audit verify` says more");
  return text;
}

Result<std::string> check_inclusion(const json::object& proof, const std::vector<Hash>& path,
                                    const Checkpoint& checkpoint) {
  const auto line = text_of(proof, "entry");
  const auto entry = line ? read_entry(*line) : fail(ErrorCode::malformed_response, "no entry");
  if (!entry) return fail(ErrorCode::malformed_response, "the proof's entry is none");
  if (!verify_inclusion(leaf_hash(*line), entry->index, checkpoint.size, path, checkpoint.root))
    return fail(ErrorCode::configuration,
                fmt::format("the proof does not show that entry {} is in the log of {} entries: "
                            "the entry or the proof was changed",
                            entry->index, checkpoint.size));
  return fmt::format("entry {} is in the log {}, as it was signed for with {} entries",
                     entry->index, checkpoint.origin, checkpoint.size);
}

}  // namespace

Result<std::string> write_inclusion_proof(const Reader& reader, const PublicKey& key,
                                          std::uint64_t index) {
  const auto last = signed_now(reader, key);
  if (!last) return std::unexpected(last.error());
  const std::uint64_t size = last->checkpoint.size;
  if (index >= size)
    return fail(ErrorCode::invalid_request,
                fmt::format("entry {} is not signed for yet: the last checkpoint has the entries "
                            "below {}",
                            index, size));
  const auto line = reader.line(index);
  if (!line) return std::unexpected(line.error());
  const auto path = prove_inclusion(index, size, reader.nodes());
  if (!path) return std::unexpected(path.error());
  return checked({{"entry", *line}, {"path", to_json(*path)}, {"checkpoint", last->note}}, key);
}

Result<std::string> write_consistency_proof(const Reader& reader, const PublicKey& key,
                                            const std::string& before) {
  const auto old = open_note(before, key);
  if (!old) return std::unexpected(old.error());
  const auto last = signed_now(reader, key);
  if (!last) return std::unexpected(last.error());
  if (old->size > last->checkpoint.size)
    return fail(ErrorCode::invalid_request,
                fmt::format("rolled_back: the checkpoint given was signed for {} entries, the last "
                            "one of this log for {}",
                            old->size, last->checkpoint.size));
  const auto root = root_of(old->size, reader.nodes());
  if (root && *root != old->root)
    return fail(ErrorCode::invalid_request,
                fmt::format("forked: the first {} entries of this log are not those that the "
                            "checkpoint given was signed for",
                            old->size));
  const auto path = prove_consistency(old->size, last->checkpoint.size, reader.nodes());
  if (!path) return std::unexpected(path.error());
  return checked({{"before", before}, {"path", to_json(*path)}, {"checkpoint", last->note}}, key);
}

Result<std::string> check_proof(std::string_view text, const PublicKey& key) {
  boost::system::error_code error;
  const json::value value = text.size() > proof_bytes ? json::value() : json::parse(text, error);
  if (error || !value.is_object())
    return fail(ErrorCode::malformed_response, "not a proof of `holdfast audit prove`");
  const json::object& proof = value.get_object();
  const auto path = path_from(proof.if_contains("path"));
  const auto note = text_of(proof, "checkpoint");
  if (!path || !note)
    return fail(ErrorCode::malformed_response, "not a proof of `holdfast audit prove`");
  const auto checkpoint = open_note(*note, key);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  const auto before = text_of(proof, "before");
  if (!before) return check_inclusion(proof, *path, *checkpoint);
  const auto old = open_note(*before, key);
  if (!old) return std::unexpected(old.error());
  if (!verify_consistency(old->size, old->root, checkpoint->size, checkpoint->root, *path))
    return fail(ErrorCode::configuration,
                fmt::format("the proof does not show that the log of {} entries goes on from that "
                            "of {}: forked, or the proof was changed",
                            checkpoint->size, old->size));
  return fmt::format(
      "the log {} of {} entries goes on from that of {}: nothing was changed or "
      "taken out",
      checkpoint->origin, checkpoint->size, old->size);
}

}  // namespace holdfast::audit
