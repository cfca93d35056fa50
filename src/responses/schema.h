// The table of kept responses.
#pragma once
#include <array>
#include <string>
#include <string_view>

namespace holdfast::responses {

inline std::string database_path(const std::string& state_dir) {
  return state_dir + "/responses.db";
}

inline constexpr std::array<std::string_view, 1> schema = {R"sql(
CREATE TABLE responses(
  number INTEGER PRIMARY KEY,
  owner TEXT NOT NULL, id TEXT NOT NULL, previous TEXT NOT NULL, kept_by TEXT NOT NULL,
  created_us INTEGER NOT NULL, input TEXT NOT NULL, response TEXT NOT NULL);
CREATE UNIQUE INDEX responses_by_id ON responses(owner, id);
CREATE INDEX responses_by_time ON responses(created_us);
)sql"};

}  // namespace holdfast::responses
