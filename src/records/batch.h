// What the drain takes in at once, as rows of the table `attempts`.
#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "records/frame.h"
#include "store/rows.h"

namespace holdfast::records {

// The columns that are known from an attempt's start on, and those that its end fills in.
inline constexpr std::string_view start_columns =
    "run, thread, serial, state, started_us, request_id, attempt, logical_model, provider, model, "
    "endpoint, key_name, features, team, service, reserved_nano_usd";
inline constexpr std::string_view end_columns =
    "ended_us, failure, status, answer_status, flags, tokens_in, tokens_out, tokens_cached, "
    "tokens_reasoning, first_content_us, total_us, bytes_sent, bytes_received, "
    "upstream_request_id, cost_nano_usd, charged_nano_usd, price_version";
inline constexpr std::size_t start_values = 16, end_values = 17;
inline constexpr std::size_t row_values = start_values + end_values + 1;  // and the id

// Fills in the end's columns.   scratch   must live as long as the values
void put_end(std::span<store::Value, end_values> into, const AttemptEnd& end, std::string& scratch);

// Records of one journal file in their order. Most attempts start and end between two drains: those
// are rows that are whole.
class Batch final : public store::Rows {
 public:
  struct Attempt {
    const StartRecord* start = nullptr;
    const AttemptEnd* end = nullptr;  // none: it is not among the records
  };
  // What follows is about these records from now on. They stay as they are meanwhile.
  //   first_id   of the first row; the others follow
  void set(const JournalHead& head, std::span<const Record> records, std::int64_t first_id);
  std::span<const Attempt> attempts() const { return attempts_; }
  // Ends of attempts that are in the table already.
  std::span<const AttemptEnd* const> ends_alone() const { return ends_alone_; }

  // The rows: start_columns, end_columns, then the id.
  void begin() override { next_ = 0; }
  bool next(std::span<store::Value> row) override;

 private:
  JournalHead head_;
  std::int64_t first_id_ = 1;
  std::vector<Attempt> attempts_;
  std::vector<const AttemptEnd*> ends_alone_;
  std::size_t next_ = 0;
  std::string request_id_, upstream_id_;  // of the row, where they had to be cleaned
};

}  // namespace holdfast::records
