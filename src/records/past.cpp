#include "records/past.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <fstream>
#include <limits>
#include <tuple>
#include <unordered_map>

#include "base/replay_limits.h"
#include "records/schema.h"
#include "records/shadow_attempt.h"
#include "store/database.h"

namespace holdfast::records {
namespace {
namespace json = boost::json;
constexpr std::string_view database_begins = "SQLite format 3";

// One attempt, as far as it matters here.
struct Row {
  std::int64_t started_us = 0;
  std::int64_t attempt = 1;
  std::string request_id, model, key, provider;
  Endpoint endpoint = Endpoint::chat_completions;
  std::uint32_t features = 0;
  // Where it is settled.
  bool succeeded = false, committed = false;
  std::optional<std::int64_t> tokens_in, tokens_out;
  std::int64_t first_content_us = -1, total_us = 0;
};

struct Span {
  std::optional<std::int64_t> from_us, until_us;
  bool has(std::int64_t at) const {
    return (!from_us || at >= *from_us) && (!until_us || at < *until_us);
  }
  std::string text() const {
    if (!from_us && !until_us) return "at all";
    return fmt::format("{} {}",
                       from_us ? "from " + format_moment(*from_us) : std::string("until then"),
                       until_us ? "until " + format_moment(*until_us) : std::string("on"));
  }
};

std::unexpected<Error> too_many(const std::string& file) {
  return fail(ErrorCode::configuration,
              fmt::format("{} has more than {} attempts in this time: choose a shorter one with "
                          "from and until",
                          file, limits::replayed_attempts));
}

// Whether somebody talks with a model.
bool is_conversation(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::chat_completions:
    case Endpoint::completions:
    case Endpoint::responses:
    case Endpoint::messages:
    case Endpoint::generate_content:
    case Endpoint::converse:
      return true;
    case Endpoint::embeddings:
    case Endpoint::count_tokens:
    case Endpoint::embed_content:
    case Endpoint::rerank:
    case Endpoint::moderations:
    case Endpoint::images_generations:
    case Endpoint::images_edits:
    case Endpoint::images_variations:
    case Endpoint::audio_speech:
    case Endpoint::audio_transcriptions:
    case Endpoint::audio_translations:
      return false;
  }
  return false;
}

std::uint16_t place_of(std::vector<std::string>& names, const std::string& name) {
  const auto found = std::ranges::find(names, name);
  const auto place = static_cast<std::uint16_t>(found - names.begin());
  if (found == names.end()) names.push_back(name);
  return place;
}

// Makes requests of attempts, which come in the order of their starts.
class Gatherer {
 public:
  void take(const Row& row) {
    if (!is_conversation(row.endpoint)) {
      if (row.attempt == 1) ++out_.left_out.at(static_cast<std::size_t>(row.endpoint));
      return;
    }
    const bool stream = (row.features & bit(Feature::stream)) != 0;
    const bool tells_pace = row.succeeded && stream && row.first_content_us >= 0;
    if (row.attempt == shadow_attempt) {  // a copy is no part of its request
      if (tells_pace) note_pace(row);
      return;
    }
    if (row.attempt == 1) begin(row);
    const auto found = last_.find(row.request_id);
    if (found == last_.end()) return;  // its first attempt was before the time that is asked for
    PastRequest& request = out_.requests[found->second];
    // What answered says it best, and comes after what failed.
    if (row.tokens_in && (row.committed || request.tokens_in < 0))
      request.tokens_in = *row.tokens_in;
    if (row.tokens_out && (row.committed || request.tokens_out < 0))
      request.tokens_out = *row.tokens_out;
    if (tells_pace) note_pace(row);
  }

  PastTraffic take_all() {
    for (auto& [provider, all] : seen_) {
      PastPace& pace = out_.paces[provider];
      pace.streams = all.first.size();
      std::ranges::sort(all.first);
      for (std::size_t i = 0; i < pace.first_content_us.size(); ++i)
        pace.first_content_us[i] =
            all.first[(all.first.size() - 1) * i / (pace.first_content_us.size() - 1)];
      const auto middle = all.between.begin() + static_cast<std::ptrdiff_t>(all.between.size() / 2);
      std::ranges::nth_element(all.between, middle);
      pace.between_tokens_us = *middle;
    }
    return std::move(out_);
  }

 private:
  struct Times {
    std::vector<std::int64_t> first, between;
  };

  void begin(const Row& row) {
    last_[row.request_id] = out_.requests.size();
    out_.requests.push_back({.at_us = row.started_us,
                             .model = place_of(out_.models, row.model),
                             .key = place_of(out_.keys, row.key),
                             .features = row.features});
  }

  void note_pace(const Row& row) {
    Times& times = seen_[row.provider];
    times.first.push_back(row.first_content_us);
    const std::int64_t gaps = std::max<std::int64_t>(1, row.tokens_out.value_or(1) - 1);
    times.between.push_back(std::max<std::int64_t>(0, row.total_us - row.first_content_us) / gaps);
  }

  PastTraffic out_;
  // By the id, which clients may choose: the last request that has it.
  std::unordered_map<std::string, std::size_t> last_;
  std::map<std::string, Times, std::less<>> seen_;
};

constexpr std::string_view rows_sql =
    "SELECT started_us, attempt, request_id, logical_model, key_name, provider, endpoint, "
    "features, "
    "state, failure, flags, tokens_in, tokens_out, first_content_us, total_us FROM attempts "
    "WHERE started_us>=? AND started_us<? ORDER BY started_us, id";

Row read_row(const store::Statement& row) {
  Row out;
  int column = 0;
  const auto integer = [&] { return row.integer(column++); };
  const auto text = [&] { return std::string(row.text(column++)); };
  out.started_us = integer();
  out.attempt = integer();
  out.request_id = text();
  out.model = text();
  out.key = text();
  out.provider = text();
  out.endpoint = static_cast<Endpoint>(integer());
  out.features = static_cast<std::uint32_t>(integer());
  if (static_cast<State>(integer()) != State::settled) return out;
  out.succeeded = static_cast<FailureClass>(integer()) == FailureClass::none;
  out.committed = (static_cast<unsigned>(integer()) & committed_flag) != 0;
  out.tokens_in = row.optional_integer(column++);
  out.tokens_out = row.optional_integer(column++);
  out.first_content_us = integer();
  out.total_us = integer();
  return out;
}

Result<PastTraffic> read_database(const std::string& file, const Span& span) {
  auto database = store::Database::open(file, store::Access::read);
  if (!database) return std::unexpected(std::move(database).error());
  auto statement = database->prepare(rows_sql);
  if (!statement)
    return fail(ErrorCode::configuration,
                fmt::format("{} has no records of attempts ({}): name a state directory's "
                            "records.db",
                            file, statement.error().detail));
  statement->bind(1, span.from_us.value_or(0));
  statement->bind(2, span.until_us.value_or(std::numeric_limits<std::int64_t>::max()));
  Gatherer gatherer;
  for (std::size_t count = 0;; ++count) {
    auto row = statement->step();
    if (!row) return std::unexpected(std::move(row).error());
    if (!*row) return gatherer.take_all();
    if (count == limits::replayed_attempts) return too_many(file);
    gatherer.take(read_row(*statement));
  }
}

template <class E>
std::optional<E> named(std::string_view name, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    if (to_string(static_cast<E>(i)) == name) return static_cast<E>(i);
  return std::nullopt;
}

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::int64_t> integer_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

// Nothing: it is no attempt.
std::optional<Row> read_attempt(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const auto started = integer_in(*object, "started_us");
  const auto attempt = integer_in(*object, "attempt");
  const auto endpoint = named<Endpoint>(text_in(*object, "endpoint"), endpoint_count);
  Row row;
  row.request_id = text_in(*object, "request_id");
  row.model = text_in(*object, "logical_model");
  if (!started || !attempt || !endpoint || row.request_id.empty() || row.model.empty())
    return std::nullopt;
  row.started_us = *started;
  row.attempt = *attempt;
  row.endpoint = *endpoint;
  row.key = text_in(*object, "key_name");
  row.provider = text_in(*object, "provider");
  if (const json::value* features = object->if_contains("features");
      features && features->is_array())
    for (const json::value& name : features->get_array())
      for (std::size_t i = 0; i < feature_count; ++i)
        if (name.is_string() && to_string(feature_at(i)) == std::string_view(name.get_string()))
          row.features |= bit(feature_at(i));
  row.succeeded = text_in(*object, "failure") == to_string(FailureClass::none);
  const json::value* committed = object->if_contains("committed");
  row.committed = committed != nullptr && committed->is_bool() && committed->get_bool();
  row.tokens_in = integer_in(*object, "tokens_in");
  row.tokens_out = integer_in(*object, "tokens_out");
  row.first_content_us = integer_in(*object, "first_content_us").value_or(-1);
  row.total_us = integer_in(*object, "total_us").value_or(0);
  return row;
}

// Adds the attempts of one line; false: it holds none.
bool read_line(const std::string& line, const Span& span, std::vector<Row>& into) {
  boost::system::error_code error;
  const json::value value = json::parse(line, error);
  if (error) return false;
  const json::object* page = value.if_object();
  const json::value* data = page != nullptr ? page->if_contains("data") : nullptr;
  std::vector<const json::value*> attempts;
  if (data != nullptr && data->is_array())
    for (const json::value& one : data->get_array()) attempts.push_back(&one);
  else
    attempts.push_back(&value);
  for (const json::value* one : attempts) {
    auto row = read_attempt(*one);
    if (!row) return false;
    if (span.has(row->started_us)) into.push_back(*std::move(row));
  }
  return true;
}

Result<PastTraffic> read_text(const std::string& file, std::istream& in, const Span& span) {
  std::vector<Row> rows;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line.size() > limits::replayed_line_bytes || !read_line(line, span, rows))
      return fail(ErrorCode::configuration,
                  fmt::format("{}:{}: neither a page nor an attempt as /api/v1/requests writes "
                              "them: name a records.db, or save its answers, one on each line",
                              file, number));
    if (rows.size() > limits::replayed_attempts) return too_many(file);
  }
  std::ranges::sort(rows, {}, [](const Row& row) {
    return std::tuple(row.started_us, row.attempt, std::string_view(row.request_id));
  });
  Gatherer gatherer;
  for (const Row& row : rows) gatherer.take(row);
  return gatherer.take_all();
}
}  // namespace

std::string format_moment(std::int64_t wall_us) {
  namespace chrono = std::chrono;
  const chrono::sys_time<chrono::microseconds> at{chrono::microseconds(wall_us)};
  const auto day = chrono::floor<chrono::days>(at);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss time(chrono::floor<chrono::seconds>(at - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

Result<PastTraffic> read_past(const std::string& file, std::optional<std::int64_t> from_us,
                              std::optional<std::int64_t> until_us) {
  std::ifstream in(file, std::ios::binary);
  std::string begins(database_begins.size(), '\0');
  if (!in || in.peek() == std::ifstream::traits_type::eof())
    return fail(ErrorCode::configuration,
                fmt::format("{} cannot be read or is empty: name a state directory's records.db, "
                            "or a file with answers of /api/v1/requests",
                            file));
  in.read(begins.data(), static_cast<std::streamsize>(begins.size()));
  const Span span{from_us, until_us};
  const bool is_database = in && begins == database_begins;
  in.clear();
  in.seekg(0);
  auto past = is_database ? read_database(file, span) : read_text(file, in, span);
  if (past && past->requests.empty())
    return fail(ErrorCode::configuration,
                fmt::format("{} has no conversation {}: choose another time with from and until",
                            file, span.text()));
  return past;
}

}  // namespace holdfast::records
