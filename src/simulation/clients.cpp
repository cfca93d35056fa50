#include "simulation/clients.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <charconv>

#include "net/sse_parser.h"
#include "simulation/upstream.h"

namespace holdfast::simulation {
namespace {
using namespace std::chrono_literals;
constexpr auto connect_time = 10s;
constexpr auto patience = 20min;  // more than any deadline of the gateway

// The numbers in "provider:request:index " from the front of `text`; false when they are not there.
bool read_token(std::string_view& text, std::array<int, 3>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const char* begin = text.data();
    const auto [end, error] = std::from_chars(begin, begin + text.size(), numbers[i]);
    const char behind = i + 1 < numbers.size() ? ':' : ' ';
    if (error != std::errc() || end == begin + text.size() || *end != behind) return false;
    text.remove_prefix(static_cast<std::size_t>(end - begin) + 1);
  }
  return true;
}

int number_in(const net::ResponseHead& head, std::string_view name) {
  const std::string_view text = head.headers.find(name).value_or("");
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}
}  // namespace

Clients::Clients(Parts parts, const net::Origin& origin, std::string model,
                 std::vector<std::string> keys, const Traffic& traffic,
                 std::shared_ptr<const Script> script, Random random)
    : parts_(parts),
      origin_(origin),
      origin_key_(origin.key()),
      model_(std::move(model)),
      keys_(std::move(keys)),
      traffic_(traffic),
      script_(std::move(script)),
      random_(random),
      pool_(parts.network, parts.time.clock()) {}

void Clients::start(MonoTime end) {
  end_ = end;
  if (script_)
    send_next_recorded();
  else
    send_next();
}

// Ten steps a mean distance: each is taken or not, which is Poisson's process in small.
void Clients::send_next() {
  constexpr std::uint64_t steps = 32;
  const std::int64_t step_ns =
      1'000'000'000 / traffic_.requests_per_second / static_cast<std::int64_t>(steps);
  std::int64_t waited = 1;
  while (random_.below(steps) != 0) ++waited;
  const MonoTime when = parts_.time.now() + Duration(waited * step_ns);
  if (when >= end_) return;
  parts_.time.at(when, [this] {
    Asked asked;
    asked.stream = random_.below(100) < static_cast<std::uint64_t>(traffic_.stream_percent);
    asked.tokens_out = asked.pieces = traffic_.tokens;
    send(asked);
    send_next();
  });
}

// One at a time, so that a day's requests do not all wait in the heap.
void Clients::send_next_recorded() {
  if (sent_ == script_->requests.size()) return;
  const Asked& asked = script_->requests[sent_++];
  parts_.time.at(MonoTime{asked.at}, [this, &asked] {
    send(asked);
    send_next_recorded();
  });
}

void Clients::send(const Asked& asked) {
  const auto number = static_cast<std::uint32_t>(parts_.history.fates.size());
  parts_.history.fates.push_back(
      {.asked = asked, .stream = asked.stream, .sent = parts_.time.now()});
  ++under_way_;
  boost::asio::co_spawn(parts_.time.loop(), ask(number, asked.stream), boost::asio::detached);
}

std::string Clients::request_text(std::uint32_t number) const {
  const Asked& asked = parts_.history.fates[number].asked;
  const std::string& key = keys_.at(asked.key);
  const std::string body = body_of(asked, model_, number);
  std::string text = fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n"
      "x-request-id: {}\r\n",
      origin_.authority(), id_of(number));
  if (!key.empty()) fmt::format_to(std::back_inserter(text), "authorization: Bearer {}\r\n", key);
  fmt::format_to(std::back_inserter(text), "content-length: {}\r\n\r\n{}", body.size(), body);
  return text;
}

void Clients::end(std::uint32_t number, Ending ending) {
  Fate& fate = parts_.history.fates[number];
  ++fate.endings;
  fate.ending = ending;
  fate.ended = parts_.time.now();
  if (!fate.stream && ending == Ending::whole) fate.first_content = fate.ended;
  parts_.history.note(3, parts_.time.since_start().count(), number, ending, fate.status,
                      fate.attempts, fate.tokens, fate.provider);
  --under_way_;
}

Task<void> Clients::ask(std::uint32_t number, bool stream) {
  net::UpstreamCall call(pool_, origin_, origin_key_);
  bool gave_up = false;
  std::shared_ptr<bool> there = std::make_shared<bool>(true);
  if (random_.below(100) < static_cast<std::uint64_t>(traffic_.leave_percent)) {
    const auto after = std::chrono::milliseconds(random_.below(3'000));
    parts_.time.at(parts_.time.now() + after, [&call, &gave_up, there] {
      if (!*there) return;
      gave_up = true;
      call.cancel();
    });
  }
  struct Gone {
    bool& there;
    ~Gone() { there = false; }
  } const gone{*there};
  const net::Deadline deadline = parts_.time.now() + patience;
  const std::string text = request_text(number);
  const net::ResponseHead* head = nullptr;
  for (bool again = true; again && !gave_up;) {
    again = false;
    if (!call.reuse()) {
      auto opened = co_await call.open(parts_.time.now() + connect_time);
      if (!opened) break;
    }
    auto sent = co_await call.send(text, deadline);
    if (!sent) {
      again = call.reused();
      continue;
    }
    auto read = co_await call.read_head(deadline);
    if (read) head = *read;
    // A kept connection that the gateway closed meanwhile.
    again = !read && call.reused() && call.bytes_received() == 0;
  }
  if (head == nullptr) {
    end(number, gave_up ? Ending::left : Ending::no_answer);
    co_return;
  }
  Fate& fate = parts_.history.fates[number];
  fate.status = head->status;
  fate.attempts = number_in(*head, "x-holdfast-attempts");
  co_await read_answer(call, number, *head);
  Fate& read = parts_.history.fates[number];
  if (gave_up && read.ending == Ending::pending) end(number, Ending::left);
}

// Reads the answer to its end and says how it ended.
Task<void> Clients::read_answer(net::UpstreamCall& call, std::uint32_t number,
                                const net::ResponseHead& head) {
  const net::Deadline deadline = parts_.time.now() + patience;
  const bool stream = parts_.history.fates[number].stream && head.status == 200;
  net::SseParser parser;
  std::vector<net::SseEvent> events;
  std::string body;
  bool done = false, error = false;
  while (true) {
    auto piece = co_await call.read_piece(deadline);
    if (!piece && call.cancelled()) co_return;
    if (!piece) {
      end(number, Ending::cut);
      co_return;
    }
    if (piece->empty()) break;
    if (!stream) {
      body.append(*piece);
      continue;
    }
    events.clear();
    if (!parser.feed(*piece, events)) parts_.history.fates[number].garbled = true;
    for (const net::SseEvent& event : events) {
      done = done || event.data == "[DONE]";
      error = error || event.data.find(R"("error":)") != std::string_view::npos;
      take_text(parts_.history.fates[number], number, event.data);
    }
  }
  if (stream) {
    end(number, error ? Ending::error_event : done ? Ending::whole : Ending::cut);
    co_return;
  }
  if (head.status == 200) take_text(parts_.history.fates[number], number, body);
  end(number, head.status == 200 ? Ending::whole : Ending::error_status);
}

// Checks that the text goes on where it was, in the words of one upstream for this request.
void Clients::take_text(Fate& fate, std::uint32_t number, std::string_view json) const {
  constexpr std::string_view mark = R"("content":")";
  const auto at = json.find(mark);
  if (at == std::string_view::npos) return;
  std::string_view text = json.substr(at + mark.size());
  text = text.substr(0, text.find('"'));
  if (!text.empty() && fate.tokens == 0) fate.first_content = parts_.time.now();
  while (!text.empty()) {
    std::array<int, 3> token{};
    const bool right = read_token(text, token) && token[1] == static_cast<int>(number) &&
                       token[2] == fate.tokens && (fate.provider < 0 || fate.provider == token[0]);
    if (!right) {
      fate.garbled = true;
      return;
    }
    fate.provider = token[0];
    ++fate.tokens;
  }
}

}  // namespace holdfast::simulation
