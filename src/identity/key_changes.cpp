#include "identity/key_changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "identity/key_text.h"

namespace holdfast::identity {
namespace {

std::unexpected<KeyRefusal> refuse(std::string why) {
  return std::unexpected(KeyRefusal{KeyProblem::invalid, std::move(why)});
}

std::unexpected<KeyRefusal> conflict(std::string why) {
  return std::unexpected(KeyRefusal{KeyProblem::conflict, std::move(why)});
}

// Names go into records, logs and queries: what a name of the configuration may be made of.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::key_word_bytes &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

KeyResult<void> check_scope(std::span<const VirtualKey> keys, const VirtualKey& key) {
  if (auto problem = problem_of(key.scope)) return refuse(*std::move(problem));
  std::size_t generations = 1;
  for (std::string_view above = key.parent; !above.empty(); ++generations) {
    const VirtualKey* parent = find_key(keys, above);
    if (parent == nullptr) return refuse(fmt::format("parent: there is no key {}", above));
    if (generations >= limits::key_generations)
      return refuse(
          fmt::format("parent: {} keys lie one under the other already", limits::key_generations));
    if (auto more = exceeds(key.scope, parent->scope))
      return std::unexpected(KeyRefusal{KeyProblem::exceeds_parent, *std::move(more)});
    above = parent->parent;
  }
  return {};
}

KeyResult<void> check_texts(const VirtualKey& key) {
  if (key.note.size() > limits::key_note_bytes)
    return refuse(fmt::format("note: longer than {} bytes", limits::key_note_bytes));
  if (key.owner.size() > limits::key_word_bytes)
    return refuse(fmt::format("owner: longer than {} bytes", limits::key_word_bytes));
  return {};
}

// Gives the key a secret.
Secret renew(VirtualKey& key, const Pepper& pepper) {
  Secret text(write_key_text(key.id, random_characters(key_secret_characters)));
  key.hash = pepper.hash(text.reveal());
  return text;
}

}  // namespace

const VirtualKey* find_key(std::span<const VirtualKey> keys, std::string_view id_or_name) {
  const auto found = std::ranges::find_if(
      keys, [&](const VirtualKey& one) { return one.id == id_or_name || one.name == id_or_name; });
  return found == keys.end() ? nullptr : &*found;
}

KeyResult<NewSecret> make_key(std::span<const VirtualKey> keys, VirtualKey wanted,
                              const Pepper& pepper, std::int64_t now_us) {
  if (keys.size() >= limits::virtual_keys)
    return conflict(
        fmt::format("there are {} virtual keys, and no more than that", limits::virtual_keys));
  if (!is_name(wanted.name))
    return refuse(fmt::format("name: from 1 to {} letters, digits, '-', '_' and '.'",
                              limits::key_word_bytes));
  if (is_key_id(wanted.name)) return refuse("name: it could be the id of a key; choose another");
  if (find_key(keys, wanted.name) != nullptr)
    return conflict(
        fmt::format("name: {} is, or was, the name of another key; what that did is "
                    "recorded under it",
                    wanted.name));
  if (!wanted.parent.empty()) {
    const VirtualKey* parent = find_key(keys, wanted.parent);
    if (parent == nullptr) return refuse(fmt::format("parent: there is no key {}", wanted.parent));
    if (parent->revoked_us != 0) return conflict("parent: it is revoked");
    wanted.parent = parent->id;
  }
  if (auto good = check_texts(wanted); !good) return std::unexpected(good.error());
  if (auto good = check_scope(keys, wanted); !good) return std::unexpected(good.error());
  do {
    wanted.id = random_characters(key_id_characters);
  } while (find_key(keys, wanted.id) != nullptr);
  wanted.created_us = wanted.changed_us = now_us;
  wanted.revoked_us = wanted.old_until_us = 0;
  Secret text = renew(wanted, pepper);
  wanted.old_hash = wanted.hash;  // none: good until never
  return NewSecret{std::move(wanted), std::move(text)};
}

KeyResult<NewSecret> rotate_key(VirtualKey key, std::int64_t overlap_us, const Pepper& pepper,
                                std::int64_t now_us) {
  if (key.revoked_us != 0) return conflict("it is revoked: make a new key");
  if (overlap_us < 0 || overlap_us > limits::key_overlap_most_us)
    return refuse(fmt::format("overlap_s: from 0 to {}", limits::key_overlap_most_us / 1'000'000));
  key.old_hash = key.hash;
  // Without an overlap never again, also when the clock is set back.
  key.old_until_us = overlap_us == 0 ? 0 : now_us + overlap_us;
  key.changed_us = now_us;
  Secret text = renew(key, pepper);
  return NewSecret{std::move(key), std::move(text)};
}

KeyResult<VirtualKey> revoke_key(VirtualKey key, std::int64_t now_us) {
  if (key.revoked_us != 0) return conflict("it is revoked already");
  key.revoked_us = key.changed_us = now_us;
  return key;
}

KeyResult<VirtualKey> change_key(std::span<const VirtualKey> keys, VirtualKey key, std::string note,
                                 KeyScope scope, std::int64_t now_us) {
  if (key.revoked_us != 0) return conflict("it is revoked: make a new key");
  key.note = std::move(note);
  key.scope = std::move(scope);
  key.changed_us = now_us;
  if (auto good = check_texts(key); !good) return std::unexpected(good.error());
  if (auto good = check_scope(keys, key); !good) return std::unexpected(good.error());
  return key;
}

}  // namespace holdfast::identity
