#include "records/batch.h"

#include <algorithm>

#include "records/schema.h"

namespace holdfast::records {
namespace {

using store::Value;

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

Value or_null(const std::optional<std::int64_t>& value) { return value ? Value(*value) : Value(); }

// The text as it is kept: ids come from outside, and may hold bytes that are not text.
std::string_view clean(std::string_view text, std::string& scratch) {
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (std::ranges::all_of(text, printable)) return text;
  scratch = text;
  std::ranges::replace_if(scratch, [&](char c) { return !printable(c); }, '?');
  return scratch;
}
}  // namespace

void put_end(std::span<Value, end_values> into, const AttemptEnd& end, std::string& scratch) {
  const unsigned flags = (end.client_left ? client_left_flag : 0U) |
                         (end.committed ? committed_flag : 0U) |
                         (end.usage_from_provider ? from_provider_flag : 0U) |
                         (end.continuation ? continuation_flag : 0U);
  into[0] = end.ended_us;
  into[1] = static_cast<std::int64_t>(end.failure);
  into[2] = std::int64_t{end.status};
  into[3] = std::int64_t{end.answer_status};
  into[4] = std::int64_t{flags};
  into[5] = or_null(end.tokens_in);
  into[6] = or_null(end.tokens_out);
  into[7] = or_null(end.tokens_cached);
  into[8] = or_null(end.tokens_reasoning);
  into[9] = end.first_content_us;
  into[10] = end.total_us;
  into[11] = number(end.bytes_sent);
  into[12] = number(end.bytes_received);
  into[13] = clean(end.upstream_request_id, scratch);
  into[14] = end.cost ? Value(end.cost->value) : Value();
  into[15] = end.charged.value;
  into[16] = std::int64_t{end.price_version};
}

void Batch::set(const JournalHead& head, std::span<const Record> records, std::int64_t first_id) {
  head_ = head;
  first_id_ = first_id;
  attempts_.clear();
  ends_alone_.clear();
  begin();
  for (const Record& record : records) {
    if (const auto* start = std::get_if<StartRecord>(&record)) {
      attempts_.push_back({start, nullptr});
      continue;
    }
    // A thread counts its starts, so that the serial says where the start is.
    const auto& end = std::get<AttemptEnd>(record);
    const std::uint64_t place =
        attempts_.empty() ? 0 : end.serial - attempts_.front().start->serial;
    if (place < attempts_.size() && attempts_[place].start->serial == end.serial &&
        attempts_[place].end == nullptr)
      attempts_[place].end = &end;
    else
      ends_alone_.push_back(&end);
  }
}

bool Batch::next(std::span<Value> row) {
  if (next_ == attempts_.size()) return false;
  row[row_values - 1] = first_id_ + static_cast<std::int64_t>(next_);
  const Attempt& attempt = attempts_[next_++];
  const AttemptStart& start = attempt.start->start;
  row[0] = number(head_.run);
  row[1] = std::int64_t{head_.thread};
  row[2] = number(attempt.start->serial);
  row[3] = static_cast<std::int64_t>(attempt.end == nullptr ? State::open : State::settled);
  row[4] = start.started_us;
  row[5] = clean(start.request_id, request_id_);
  row[6] = std::int64_t{start.attempt};
  row[7] = start.logical_model;
  row[8] = start.provider;
  row[9] = start.model;
  row[10] = static_cast<std::int64_t>(start.endpoint);
  row[11] = start.key_name;
  row[12] = std::int64_t{start.features};
  row[13] = start.team;
  row[14] = start.service;
  row[15] = start.reserved.value;
  const auto of_end = row.subspan<start_values, end_values>();
  if (attempt.end != nullptr)
    put_end(of_end, *attempt.end, upstream_id_);
  else
    std::ranges::fill(of_end, Value());
  return true;
}

}  // namespace holdfast::records
