#include "identity/people.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <filesystem>

#include "base/random.h"
#include "vault/sealed/files.h"

namespace holdfast::limits {
inline constexpr std::size_t people_file_bytes = 4U << 20U;
}

namespace holdfast::identity {
namespace {

namespace json = boost::json;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 30U;
constexpr std::int64_t most_passes = 16;

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::optional<std::string> from_hex(std::string_view text, std::size_t bytes) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  if (text.size() != 2 * bytes) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

json::array roles_json(const Roles& roles) {
  json::array out;
  for (const Role role : all_roles)
    if (roles.has(role)) out.emplace_back(to_string(role));
  return out;
}

std::optional<Roles> read_roles(const json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  Roles out;
  for (const json::value& one : value->as_array()) {
    const auto role = one.is_string() ? role_from(std::string_view(one.as_string())) : std::nullopt;
    if (!role) return std::nullopt;
    out.add(*role);
  }
  return out;
}

std::optional<std::int64_t> read_integer(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64() || value->as_int64() < 0) return std::nullopt;
  return value->as_int64();
}

std::optional<std::string> read_bytes(const json::object& object, std::string_view key,
                                      std::size_t bytes) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return from_hex(std::string_view(value->as_string()), bytes);
}

std::optional<Person> read_person(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const json::object& object = value.as_object();
  const auto roles = read_roles(object.if_contains("roles"));
  auto salt = read_bytes(object, "salt", vault::sealed::salt_bytes);
  auto hash = read_bytes(object, "hash", vault::sealed::key_bytes);
  const auto passes = read_integer(object, "passes");
  const auto memory = read_integer(object, "memory_bytes");
  const auto until = read_integer(object, "one_time_until_us");
  const auto made = read_integer(object, "made_us");
  if (!roles || !salt || !hash || !passes || !memory || !until || !made || *passes < 1 ||
      *passes > most_passes || static_cast<std::uint64_t>(*memory) > most_memory)
    return std::nullopt;
  return Person{*roles,
                {*std::move(salt),
                 *std::move(hash),
                 {static_cast<std::uint32_t>(*passes), static_cast<std::uint64_t>(*memory)}},
                *until,
                *made};
}

std::optional<AccessToken> read_token(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const json::object& object = value.as_object();
  const auto roles = read_roles(object.if_contains("roles"));
  auto hash = read_bytes(object, "sha256", vault::sealed::mac_bytes);
  const auto made = read_integer(object, "made_us");
  const auto until = read_integer(object, "until_us");
  if (!roles || !hash || !made || !until) return std::nullopt;
  return AccessToken{*roles, *std::move(hash), *made, *until};
}

// All entries of the object `key`, or nothing when one of them is not right.
template <class T>
std::optional<std::map<std::string, T, std::less<>>> read_all(
    const json::object& top, std::string_view key,
    std::optional<T> (*read)(const json::value& value)) {
  const json::value* all = top.if_contains(key);
  if (all == nullptr || !all->is_object()) return std::nullopt;
  std::map<std::string, T, std::less<>> out;
  for (const auto& [name, value] : all->as_object()) {
    auto one = read(value);
    if (!one || !is_principal_name(name)) return std::nullopt;
    out.emplace(name, *std::move(one));
  }
  return out;
}

std::string write_all(const People::Persons& persons, const People::Tokens& tokens) {
  json::object people, automation;
  for (const auto& [name, one] : persons)
    people[name] =
        json::object{{"roles", roles_json(one.roles)},
                     {"salt", to_hex(one.password.salt)},
                     {"hash", to_hex(one.password.hash)},
                     {"passes", static_cast<std::int64_t>(one.password.cost.passes)},
                     {"memory_bytes", static_cast<std::int64_t>(one.password.cost.memory_bytes)},
                     {"one_time_until_us", one.one_time_until_us},
                     {"made_us", one.made_us}};
  for (const auto& [name, one] : tokens)
    automation[name] = json::object{{"roles", roles_json(one.roles)},
                                    {"sha256", to_hex(one.sha256)},
                                    {"made_us", one.made_us},
                                    {"until_us", one.until_us}};
  return json::serialize(
      json::object{{"people", std::move(people)}, {"tokens", std::move(automation)}});
}

}  // namespace

bool is_principal_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::principal_name_bytes &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-' || c == '@';
         });
}

Result<People> People::open(const std::string& directory) {
  People out((std::filesystem::path(directory) / "people.json").string());
  if (::access(out.path_.c_str(), F_OK) != 0 && errno == ENOENT) return out;
  const auto text = vault::sealed::read_file(out.path_, limits::people_file_bytes);
  if (!text) return std::unexpected(text.error());
  boost::system::error_code error;
  const json::value value = json::parse(*text, error);
  std::optional<Persons> persons;
  std::optional<Tokens> tokens;
  if (!error && value.is_object()) {
    persons = read_all<Person>(value.as_object(), "people", read_person);
    tokens = read_all<AccessToken>(value.as_object(), "tokens", read_token);
  }
  if (!persons || !tokens)
    return fail(ErrorCode::configuration,
                fmt::format("{} is damaged: it says who administers. Put a copy back, or move it "
                            "away: then the start makes a new local administrator",
                            out.path_));
  out.persons_ = *std::move(persons);
  out.tokens_ = *std::move(tokens);
  out.fresh_ = false;
  return out;
}

const Person* People::find(std::string_view name) const {
  const auto found = persons_.find(name);
  return found == persons_.end() ? nullptr : &found->second;
}

std::optional<Principal> People::find_token(std::string_view token, std::int64_t now_us) const {
  const std::string hash = vault::sealed::sha256(token);
  std::optional<Principal> found;
  for (const auto& [name, one] : tokens_)  // all of them: which it is takes no less time
    if (vault::sealed::same_bytes(hash, one.sha256) && now_us < one.until_us)
      found = Principal{PrincipalKind::token, name, one.roles};
  return found;
}

bool People::is_last_administrator(std::string_view name) const {
  const Person* one = find(name);
  return one != nullptr && one->roles.has(Role::administrator) &&
         std::ranges::count_if(persons_, [](const auto& each) {
           return each.second.roles.has(Role::administrator);
         }) == 1;
}

Result<void> People::put(const std::string& name, const Person& person) {
  Persons next = persons_;
  next.insert_or_assign(name, person);
  return keep(std::move(next), tokens_);
}

Result<void> People::remove(std::string_view name) {
  Persons next = persons_;
  if (const auto found = next.find(name); found != next.end()) next.erase(found);
  return keep(std::move(next), tokens_);
}

Result<void> People::put_token(const std::string& name, const AccessToken& token) {
  Tokens next = tokens_;
  next.insert_or_assign(name, token);
  return keep(persons_, std::move(next));
}

Result<void> People::remove_token(std::string_view name) {
  Tokens next = tokens_;
  if (const auto found = next.find(name); found != next.end()) next.erase(found);
  return keep(persons_, std::move(next));
}

Result<void> People::keep(Persons persons, Tokens tokens) {
  if (auto kept = vault::sealed::replace_file(path_, write_all(persons, tokens)); !kept)
    return kept;
  persons_ = std::move(persons);
  tokens_ = std::move(tokens);
  fresh_ = false;
  return {};
}

std::string make_access_token() {
  constexpr std::size_t random_part = 32;
  return "hft_" + secret_token(random_part);
}

}  // namespace holdfast::identity
