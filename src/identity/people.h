// People who administer, and tokens of automation: STATE/people.json, for its owner alone.
// Passwords stand there as Argon2id, tokens as SHA-256.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "identity/password.h"
#include "identity/role.h"

namespace holdfast::limits {
inline constexpr std::size_t people = 1'000;
inline constexpr std::size_t access_tokens = 1'000;
inline constexpr std::size_t principal_name_bytes = 64;
}  // namespace holdfast::limits

namespace holdfast::identity {

struct Person {
  Roles roles;
  Password password;
  std::int64_t one_time_until_us = 0;  // wall time until which a one-time password holds; 0: it is
                                       // the person's own
  std::int64_t made_us = 0;
};

// A token of automation.
struct AccessToken {
  Roles roles;
  std::string sha256;  // bytes
  std::int64_t made_us = 0, until_us = 0;
};

// Letters, digits and . _ - @, at most principal_name_bytes.
bool is_principal_name(std::string_view name);

// The main thread's.
class People {
 public:
  using Persons = std::map<std::string, Person, std::less<>>;
  using Tokens = std::map<std::string, AccessToken, std::less<>>;

  // Reads DIR/people.json, if it is there.   errors   configuration: damaged; io
  static Result<People> open(const std::string& directory);
  // Whether nobody has ever been kept here.
  bool fresh() const { return fresh_; }

  const Persons& persons() const { return persons_; }
  const Tokens& tokens() const { return tokens_; }
  const Person* find(std::string_view name) const;  // nullptr: there is none
  // Who sent `token`, if it is one and has not ended.
  std::optional<Principal> find_token(std::string_view token, std::int64_t now_us) const;
  // Whether `name` is the only administrator.
  bool is_last_administrator(std::string_view name) const;

  // Each is on the disk when it returns; on failure (io) nothing has changed.
  Result<void> put(const std::string& name, const Person& person);
  Result<void> remove(std::string_view name);
  Result<void> put_token(const std::string& name, const AccessToken& token);
  Result<void> remove_token(std::string_view name);

 private:
  explicit People(std::string path) : path_(std::move(path)) {}
  Result<void> keep(Persons persons, Tokens tokens);

  std::string path_;
  bool fresh_ = true;
  Persons persons_;
  Tokens tokens_;
};

// "hft_" and 256 random bits.
std::string make_access_token();

}  // namespace holdfast::identity
