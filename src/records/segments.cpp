#include "records/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "records/sealed_row.h"

namespace holdfast::records {
namespace {

// Sums stop at the largest number instead of wrapping around.
void add(std::int64_t& to, std::int64_t by) {
  if (__builtin_add_overflow(to, by, &to)) to = std::numeric_limits<std::int64_t>::max();
}

void append_leaf(std::int64_t id, std::string_view hash, std::string& out) {
  const auto bits = static_cast<std::uint64_t>(id);
  for (unsigned i = 0; i < 8; ++i) out += static_cast<char>(bits >> (8U * i));
  out += hash;
}

}  // namespace

Result<std::int64_t> last_in_segment(store::Database& database) {
  return database.integer("SELECT coalesce(max(last_id), 0) FROM segments");
}

Result<std::int64_t> last_expired(store::Database& database) {
  return database.integer("SELECT coalesce(max(last_id), 0) FROM segments WHERE expired=1");
}

bool Segments::took(const Result<void>& told) {
  log_error_ = told ? std::string() : told.error().detail;
  return told.has_value();
}

Result<bool> Segments::seal(store::Database& database) {
  auto segment = pending(database);
  if (segment && !*segment) segment = make(database);
  if (!segment) return std::unexpected(std::move(segment).error());
  if (!*segment) return false;
  if (sealer_ != nullptr && !took(sealer_->seal(**segment))) return false;
  auto noted = database.execute(
      fmt::format("UPDATE segments SET sealed=1 WHERE number={}", (*segment)->number));
  if (!noted) return std::unexpected(std::move(noted).error());
  return (*segment)->attempts == limits::segment_attempts;
}

// One that was made, and of which it is not known whether the log has it.
Result<std::optional<Segment>> Segments::pending(store::Database& database) {
  auto row = database.prepare(
      "SELECT number, first_id, last_id, attempts, unknown_cost, tokens_in, tokens_out, "
      "cost_nano_usd, log_size, root FROM segments WHERE sealed=0");
  if (!row) return std::unexpected(std::move(row).error());
  auto found = row->step();
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) return std::optional<Segment>();
  Segment out;
  out.number = row->integer(0);
  out.first_id = row->integer(1);
  out.last_id = row->integer(2);
  out.attempts = row->integer(3);
  out.unknown_cost = row->integer(4);
  out.tokens_in = row->integer(5);
  out.tokens_out = row->integer(6);
  out.cost_nano_usd = row->integer(7);
  out.log_size = static_cast<std::uint64_t>(row->integer(8));
  out.root = row->bytes(9);
  return out;
}

Result<std::optional<Segment>> Segments::make(store::Database& database) {
  const auto last = last_in_segment(database);
  if (!last) return std::unexpected(last.error());
  const auto number = database.integer("SELECT coalesce(max(number), 0) + 1 FROM segments");
  if (!number) return std::unexpected(number.error());
  // The partial index has few rows; by the ids it would be a walk through all.
  const auto open = database.integer(
      "SELECT coalesce(min(id), 9223372036854775807) FROM attempts INDEXED BY attempts_open "
      "WHERE state=0");
  if (!open) return std::unexpected(open.error());
  auto rows = database.prepare(
      fmt::format("SELECT {} FROM attempts WHERE id>{} AND id<{} ORDER BY id LIMIT {}",
                  sealed_columns, *last, *open, limits::segment_attempts));
  if (!rows) return std::unexpected(std::move(rows).error());
  Segment out;
  out.number = *number;
  if (sealer_ != nullptr) (void)sealer_->root();  // what a try that failed has left in it
  std::int64_t newest_us = std::numeric_limits<std::int64_t>::min();
  std::string text, leaves;
  while (true) {
    auto more = rows->step();
    if (!more) return std::unexpected(std::move(more).error());
    if (!*more) break;
    const std::int64_t id = rows->integer(sealed_id);
    if (out.attempts++ == 0) out.first_id = id;
    out.last_id = id;
    newest_us = std::max(newest_us, rows->integer(sealed_started));
    const auto cost = rows->optional_integer(sealed_cost);
    out.unknown_cost += cost ? 0 : 1;
    add(out.cost_nano_usd, cost.value_or(0));
    add(out.tokens_in, rows->optional_integer(sealed_tokens_in).value_or(0));
    add(out.tokens_out, rows->optional_integer(sealed_tokens_out).value_or(0));
    if (sealer_ == nullptr) continue;
    write_sealed_row(*rows, text);
    append_leaf(id, sealer_->add(text), leaves);
  }
  rows->reset();
  if (out.attempts == 0) return std::optional<Segment>();
  if (sealer_ != nullptr) {
    out.root = sealer_->root();
    out.log_size = sealer_->log_size();
  }
  auto insert = database.prepare(
      "INSERT INTO segments(number, first_id, last_id, attempts, unknown_cost, tokens_in, "
      "tokens_out, cost_nano_usd, log_size, newest_us, sealed, expired, root, leaves) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,0,0,?,?)");
  if (!insert) return std::unexpected(std::move(insert).error());
  int index = 0;
  for (const std::int64_t value :
       {out.number, out.first_id, out.last_id, out.attempts, out.unknown_cost, out.tokens_in,
        out.tokens_out, out.cost_nano_usd, static_cast<std::int64_t>(out.log_size), newest_us})
    insert->bind(++index, value);
  insert->bind_bytes(++index, out.root);
  insert->bind_bytes(++index, leaves);
  if (auto inserted = insert->run(); !inserted) return std::unexpected(std::move(inserted).error());
  return out;
}

Result<bool> Segments::expire(store::Database& database, std::int64_t oldest_us, bool one_more) {
  std::int64_t number = 0, last_id = 0;
  {
    auto rows = database.prepare(
        "SELECT number, last_id, newest_us FROM segments WHERE sealed=1 AND expired=0 "
        "ORDER BY number");
    if (!rows) return std::unexpected(std::move(rows).error());
    while (true) {
      auto more = rows->step();
      if (!more) return std::unexpected(std::move(more).error());
      if (!*more || (rows->integer(2) >= oldest_us && !one_more)) break;
      one_more = false;
      number = rows->integer(0);
      last_id = rows->integer(1);
    }
  }
  if (number == 0) return false;
  if (sealer_ != nullptr && !took(sealer_->expire(number, last_id))) return false;
  // The last one stays, without its leaves: numbers and ids go on from it.
  auto marked = database.execute(
      fmt::format("UPDATE segments SET expired=1, leaves=x'' WHERE number<={0} AND expired=0; "
                  "DELETE FROM segments WHERE expired=1 AND number<{0}",
                  number));
  if (!marked) return std::unexpected(std::move(marked).error());
  return true;
}

}  // namespace holdfast::records
