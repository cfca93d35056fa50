// The records' tables. Both who writes (drain) and who reads (archive) include it.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::records {

inline std::string database_path(const std::string& state_dir) { return state_dir + "/records.db"; }
inline std::string journal_path(const std::string& state_dir) { return state_dir + "/journal"; }

// attempts.state. Stored: never renumbered.
enum class State : std::uint8_t { open = 0, settled = 1, unsettled = 2 };
// attempts.flags
enum Flags : unsigned {
  client_left_flag = 1,
  committed_flag = 2,
  from_provider_flag = 4,
  continuation_flag = 8,
};

// Enumerations are stored as their numbers, text that is not there as ''.
inline constexpr std::array<std::string_view, 3> schema = {R"sql(
CREATE TABLE attempts(
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL, thread INTEGER NOT NULL, serial INTEGER NOT NULL,
  state INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  request_id TEXT NOT NULL, attempt INTEGER NOT NULL,
  logical_model TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
  endpoint INTEGER NOT NULL, key_name TEXT NOT NULL, features INTEGER NOT NULL,
  ended_us INTEGER, failure INTEGER, status INTEGER, answer_status INTEGER, flags INTEGER,
  tokens_in INTEGER, tokens_out INTEGER, tokens_cached INTEGER, tokens_reasoning INTEGER,
  first_content_us INTEGER, total_us INTEGER, bytes_sent INTEGER, bytes_received INTEGER,
  upstream_request_id TEXT, unsettled_reason TEXT);
CREATE INDEX attempts_by_time ON attempts(started_us);
CREATE INDEX attempts_by_request ON attempts(request_id);
CREATE INDEX attempts_open ON attempts(run, thread, serial) WHERE state = 0;
CREATE INDEX attempts_after_failure ON attempts(started_us) WHERE attempt > 1;
-- How far each journal file is in the table above; written in one transaction with it.
CREATE TABLE journals(name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
-- Over the life of the database: retention does not diminish them.
CREATE TABLE counts(
  attempts INTEGER NOT NULL, settled INTEGER NOT NULL, unsettled INTEGER NOT NULL,
  unmatched INTEGER NOT NULL, damaged INTEGER NOT NULL, last_run INTEGER NOT NULL);
INSERT INTO counts VALUES(0, 0, 0, 0, 0, 0);
)sql",
                                                           R"sql(
ALTER TABLE attempts ADD COLUMN team TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN service TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN reserved_nano_usd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN cost_nano_usd INTEGER;
ALTER TABLE attempts ADD COLUMN charged_nano_usd INTEGER;
ALTER TABLE attempts ADD COLUMN price_version INTEGER;
-- What was spent on each day (of UTC, from 1970), by who asked and who answered; written in one
-- transaction with the attempts, and kept longer. charged: what budgets count, which is the cost, or
-- what was reserved where that is not known, or not yet. unknown: attempts that have ended without
-- their cost being known.
CREATE TABLE spending(
  day INTEGER NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, logical_model TEXT NOT NULL,
  key_name TEXT NOT NULL, team TEXT NOT NULL, service TEXT NOT NULL,
  attempts INTEGER NOT NULL, unknown INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL, charged_nano_usd INTEGER NOT NULL,
  tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
  PRIMARY KEY(day, provider, model, logical_model, key_name, team, service)) WITHOUT ROWID;
)sql",
                                                           R"sql(
-- Attempts that were sealed into the audit log together, and are deleted together. log_size: of the
-- log when the segment was made; sealed: the log has it; expired: the log says that its attempts are
-- deleted; leaves: see segments.h.
CREATE TABLE segments(
  number INTEGER PRIMARY KEY,
  first_id INTEGER NOT NULL, last_id INTEGER NOT NULL, attempts INTEGER NOT NULL,
  unknown_cost INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL, log_size INTEGER NOT NULL, newest_us INTEGER NOT NULL,
  sealed INTEGER NOT NULL, expired INTEGER NOT NULL, root BLOB NOT NULL, leaves BLOB NOT NULL);
)sql"};

}  // namespace holdfast::records
