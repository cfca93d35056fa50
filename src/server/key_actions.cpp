#include "server/key_actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "base/log.h"
#include "identity/key_changes.h"
#include "identity/key_scope_json.h"
#include "server/auditing.h"
#include "server/virtual_keys.h"

namespace holdfast::limits {
inline constexpr std::size_t key_reason_bytes = 512;
inline constexpr std::size_t keys_page_usual = 100, keys_page_most = 1'000;
}  // namespace holdfast::limits

namespace holdfast::server {
namespace {

namespace json = boost::json;
using identity::KeyScope;
using identity::VirtualKey;

AdminAnswer invalid(std::string_view message) {
  return admin_problem(400, "invalid_request", message);
}

AdminAnswer unknown_key(std::string_view name) {
  return admin_problem(404, "unknown_key",
                       fmt::format("there is no virtual key {}; GET /api/v1/keys lists them",
                                   name.substr(0, limits::key_word_bytes)));
}

AdminAnswer refused(const identity::KeyRefusal& refusal) {
  switch (refusal.problem) {
    case identity::KeyProblem::invalid:
      return invalid(refusal.detail);
    case identity::KeyProblem::conflict:
      return admin_problem(409, "conflict", refusal.detail);
    case identity::KeyProblem::exceeds_parent:
      return admin_problem(403, "exceeds_parent", refusal.detail);
  }
  return invalid(refusal.detail);
}

std::string_view state_of(identity::KeyVerdict verdict) {
  switch (verdict) {
    case identity::KeyVerdict::accepted:
    case identity::KeyVerdict::unknown:
      return "active";
    case identity::KeyVerdict::revoked:
      return "revoked";
    case identity::KeyVerdict::not_yet:
      return "not_yet";
    case identity::KeyVerdict::expired:
      return "expired";
  }
  return "active";
}

// A key as it is shown: without its secret, and without its hash.
json::object key_json(const AdminState& state, const VirtualKey& key) {
  const auto published = state.keys->published();
  const identity::UsableKey& usable = *published->table.find_id(key.id);
  const VirtualKey* parent = identity::find_key(state.keys->keys(), key.parent);
  return {{"id", key.id},
          {"name", key.name},
          {"parent", parent == nullptr ? json::value() : json::value(parent->name)},
          {"owner_kind", to_string(key.owner_kind)},
          {"owner", key.owner},
          {"note", key.note},
          {"state", state_of(usable.standing(state.clock.wall_us()))},
          {"nothing_left", usable.nothing_left},
          {"created_us", key.created_us},
          {"changed_us", key.changed_us},
          {"revoked_us", key.revoked_us},
          {"old_secret_until_us", key.old_until_us},
          {"last_used_us", usable.use->last_used_us.load(std::memory_order_relaxed)},
          {"wrong_secrets", usable.use->wrong.load(std::memory_order_relaxed)},
          {"scope", identity::to_json(key.scope)}};
}

// What a POST asks for. Every field is on a list; what is on none is refused.
struct Wish {
  std::string action, key, reason;
  std::optional<std::int64_t> overlap_s;
  VirtualKey wanted;                // of make: name, parent, owner, note, scope
  std::optional<std::string> note;  // of change
};

bool take_text(const json::value& value, std::string& into, std::size_t most) {
  if (!value.is_string() || value.as_string().size() > most) return false;
  into = value.as_string();
  return true;
}

bool take_owner_kind(const json::value& value, identity::OwnerKind& into) {
  const auto* const found = std::ranges::find_if(identity::owner_kinds, [&](auto kind) {
    return value.is_string() && to_string(kind) == value.as_string();
  });
  if (found == identity::owner_kinds.end()) return false;
  into = *found;
  return true;
}

identity::FieldRead verdict(bool good) {
  return good ? identity::FieldRead::read : identity::FieldRead::wrong;
}

identity::FieldRead read_wish_field(std::string_view name, const json::value& value, Wish& wish) {
  const bool makes = wish.action == "make", changes = wish.action == "change";
  if (name == "action") return identity::FieldRead::read;
  if (name == "reason") return verdict(take_text(value, wish.reason, limits::key_reason_bytes));
  if (name == "key" && !makes) return verdict(take_text(value, wish.key, limits::key_word_bytes));
  if (name == "overlap_s" && wish.action == "rotate") {
    if (!value.is_int64()) return identity::FieldRead::wrong;
    wish.overlap_s = value.as_int64();
    return identity::FieldRead::read;
  }
  if (name == "note" && (makes || changes)) {
    wish.note.emplace();
    return verdict(take_text(value, *wish.note, limits::key_note_bytes));
  }
  if (makes) {
    VirtualKey& wanted = wish.wanted;
    if (name == "name") return verdict(take_text(value, wanted.name, limits::key_word_bytes));
    if (name == "parent") return verdict(take_text(value, wanted.parent, limits::key_word_bytes));
    if (name == "owner") return verdict(take_text(value, wanted.owner, limits::key_word_bytes));
    if (name == "owner_kind") return verdict(take_owner_kind(value, wanted.owner_kind));
  }
  if (makes || changes) return identity::read_field(name, value, wish.wanted.scope);
  return identity::FieldRead::unknown;
}

std::string fields_of(std::string_view action) {
  if (action == "make")
    return "name, owner_kind (user, team, service), owner, note, parent, reason, " +
           identity::scope_fields();
  if (action == "change") return "key, note, reason, " + identity::scope_fields();
  if (action == "rotate") return "key, overlap_s, reason";
  return "key, reason";
}

//   scope   what a change begins with
std::expected<Wish, std::string> read_wish(const json::object& body, Wish wish) {
  for (const auto& [name, value] : body) switch (read_wish_field(name, value, wish)) {
      case identity::FieldRead::read:
        break;
      case identity::FieldRead::unknown:
        return std::unexpected(fmt::format("{} takes no field {}; it takes {}", wish.action,
                                           std::string_view(name).substr(0, 64),
                                           fields_of(wish.action)));
      case identity::FieldRead::wrong:
        return std::unexpected(fmt::format("{} is not of its kind, or too long; see /openapi.json",
                                           std::string_view(name).substr(0, 64)));
    }
  return wish;
}

// Names of the configuration that are none; those that the key had before may be gone since.
std::optional<std::string> unknown_name(const AdminState& state, const KeyScope& scope,
                                        const KeyScope& before) {
  for (const std::string& name : scope.models)
    if (!state.snapshot->models.contains(name) &&
        std::ranges::find(before.models, name) == before.models.end())
      return fmt::format("models: there is no model {}; GET /api/v1/status lists them", name);
  const auto is_provider = [&state](const std::string& name) {
    return std::ranges::any_of(state.snapshot->providers,
                               [&](const auto& one) { return one->name == name; });
  };
  for (const std::string& name : scope.providers)
    if (!is_provider(name) && std::ranges::find(before.providers, name) == before.providers.end())
      return fmt::format("providers: there is no provider {}; GET /api/v1/providers lists them",
                         name);
  return std::nullopt;
}

json::object audited(const AdminState& state, const VirtualKey& key) {
  json::object out = identity::to_flat_json(key.scope);
  out["id"] = key.id;
  out["owner"] = fmt::format("{} {}", to_string(key.owner_kind), key.owner);
  if (!key.note.empty()) out["note"] = key.note;
  if (const VirtualKey* parent = identity::find_key(state.keys->keys(), key.parent))
    out["parent"] = parent->name;
  if (key.revoked_us != 0) out["revoked_us"] = key.revoked_us;
  if (key.old_until_us != 0) out["old_secret_until_us"] = key.old_until_us;
  return out;
}

// Writes it down, then does it.
//   before   null: the key is new
//   secret   shown with the answer; empty: there is none to show
AdminAnswer carry_out(AdminState& state, const Wish& wish, const AdminAct& act,
                      const VirtualKey* before, const VirtualKey& after, std::string_view secret) {
  audit::Event event = operator_event("key." + wish.action, after.name, act, wish.reason);
  if (before != nullptr) event.before = audited(state, *before);
  event.after = audited(state, after);
  const auto intent = state.auditing.begin(event);
  if (!intent)
    return admin_problem(503, "audit_unavailable",
                         fmt::format("nothing was done: the audit log cannot be written: {}",
                                     intent.error().detail));
  const auto kept = state.keys->save(after);
  state.auditing.conclude(*intent, kept.has_value());
  if (!kept) return admin_problem(503, "state_unavailable", kept.error().detail);
  log::info("key {}: {} by {}", after.name, wish.action, to_string(act.who));
  json::object out{{"key", key_json(state, after)}};
  if (!secret.empty()) out["secret"] = secret;
  return {200, "application/json", json::serialize(out)};
}

AdminAnswer make(AdminState& state, Wish wish, const AdminAct& act) {
  if (wish.note) wish.wanted.note = *wish.note;
  if (std::ranges::find(state.settings.keys, wish.wanted.name, &identity::KeySettings::name) !=
      state.settings.keys.end())
    return admin_problem(
        409, "conflict",
        fmt::format("name: keys.{} of the configuration has it; choose another", wish.wanted.name));
  if (auto unknown = unknown_name(state, wish.wanted.scope, {})) return invalid(*unknown);
  const auto made = identity::make_key(state.keys->keys(), wish.wanted, state.keys->pepper(),
                                       state.clock.wall_us());
  if (!made) return refused(made.error());
  return carry_out(state, wish, act, nullptr, made->key, made->text.reveal());
}

AdminAnswer rotate(AdminState& state, const Wish& wish, const AdminAct& act,
                   const VirtualKey& key) {
  constexpr std::int64_t most_s = limits::key_overlap_most_us / 1'000'000;
  if (!wish.overlap_s)
    return invalid("overlap_s is needed: for how many seconds the secret of now is good too");
  if (*wish.overlap_s < 0 || *wish.overlap_s > most_s)
    return invalid(fmt::format("overlap_s: from 0 to {}", most_s));
  const auto made = identity::rotate_key(key, *wish.overlap_s * 1'000'000, state.keys->pepper(),
                                         state.clock.wall_us());
  if (!made) return refused(made.error());
  return carry_out(state, wish, act, &key, made->key, made->text.reveal());
}

AdminAnswer change(AdminState& state, const Wish& wish, const AdminAct& act,
                   const VirtualKey& key) {
  if (auto unknown = unknown_name(state, wish.wanted.scope, key.scope)) return invalid(*unknown);
  const auto changed = identity::change_key(state.keys->keys(), key, wish.note.value_or(key.note),
                                            wish.wanted.scope, state.clock.wall_us());
  if (!changed) return refused(changed.error());
  return carry_out(state, wish, act, &key, *changed, {});
}

bool read_count(const QueryFields& fields, const char* name, std::size_t& into) {
  const auto found = fields.find(name);
  if (found == fields.end()) return true;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

AdminAnswer answer_keys(AdminState& state, const QueryFields& fields) {
  for (const auto& [name, value] : fields)
    if (name != "key" && name != "from" && name != "limit")
      return admin_problem(
          400, "invalid_query",
          fmt::format("unknown field '{}'; there are key, from and limit", name.substr(0, 64)));
  std::size_t from = 0, limit = limits::keys_page_usual;
  if (!read_count(fields, "from", from) || !read_count(fields, "limit", limit) || limit < 1 ||
      limit > limits::keys_page_most)
    return admin_problem(400, "invalid_query",
                         fmt::format("from must be a place in the list, limit from 1 to {}",
                                     limits::keys_page_most));
  const auto keys = state.keys->keys();
  json::array data;
  if (const auto named = fields.find("key"); named != fields.end()) {
    const VirtualKey* key = identity::find_key(keys, named->second);
    if (key == nullptr) return unknown_key(named->second);
    data.emplace_back(key_json(state, *key));
  } else {
    for (std::size_t i = from; i < keys.size() && data.size() < limit; ++i)
      data.emplace_back(key_json(state, keys[i]));
  }
  return {200, "application/json",
          json::serialize(json::object{{"total", keys.size()}, {"data", std::move(data)}})};
}

AdminAnswer act_on_key(AdminState& state, const AdminAct& act) {
  boost::system::error_code error;
  const json::value body = json::parse(act.body, error);
  if (error || !body.is_object()) return invalid("the body must be a JSON object");
  const json::value* action = body.as_object().if_contains("action");
  const json::value* named = body.as_object().if_contains("key");
  Wish start;
  if (action == nullptr || !action->is_string() ||
      (action->as_string() != "make" && action->as_string() != "rotate" &&
       action->as_string() != "revoke" && action->as_string() != "change"))
    return invalid("action must be make, rotate, revoke or change");
  start.action = action->as_string();
  const VirtualKey* key = nullptr;
  if (start.action != "make") {
    if (named == nullptr || !named->is_string()) return invalid("key is needed: an id or a name");
    key = identity::find_key(state.keys->keys(), std::string_view(named->as_string()));
    if (key == nullptr) return unknown_key(std::string_view(named->as_string()));
    start.wanted.scope = key->scope;
  }
  auto wish = read_wish(body.as_object(), std::move(start));
  if (!wish) return invalid(wish.error());
  if (wish->action == "make") return make(state, *std::move(wish), act);
  const VirtualKey before = *key;
  if (wish->action == "rotate") return rotate(state, *wish, act, before);
  if (wish->action == "change") return change(state, *wish, act, before);
  const auto revoked = identity::revoke_key(before, state.clock.wall_us());
  if (!revoked) return refused(revoked.error());
  return carry_out(state, *wish, act, &before, *revoked, {});
}

}  // namespace holdfast::server
