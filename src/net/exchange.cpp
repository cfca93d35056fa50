#include "net/exchange.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "base/check.h"
#include "base/limits.h"

namespace holdfast::net {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t one_write_bytes = 65'536;  // of a body that is copied behind its head
constexpr std::size_t body_read_bytes = 65'536;
constexpr std::size_t first_piece_bytes = 512;  // of a streamed answer
constexpr std::size_t write_piece_bytes = limits::client_backlog_bytes;
constexpr auto client_poll_interval = 250ms;

HeadProblem cut_off() {
  return {499, "the connection closed before the request's body was complete"};
}

std::unexpected<HeadProblem> too_large(std::size_t max_bytes) {
  return std::unexpected(
      HeadProblem{413, fmt::format("the body is larger than {} bytes", max_bytes)});
}

void append_chunk_size(std::string& out, std::size_t size) {
  char text[2 * sizeof size];
  const auto end = std::to_chars(std::begin(text), std::end(text), size, 16).ptr;
  out.append(text, end).append("\r\n");
}
}  // namespace

Exchange::Exchange(ServerShared& shared, ClientConnection& connection, RequestHead head)
    : shared_(shared),
      connection_(connection),
      head_(std::move(head)),
      keep_alive_(head_.keep_alive && !shared.stopping),
      body_pending_(head_.framing != BodyFraming::none) {}

std::unexpected<Error> Exchange::lose_client() {
  left_ = true;
  keep_alive_ = false;
  return fail(ErrorCode::cancelled, "the client left");
}

// What goes out without waiting, as most answers do, needs no coroutine; it leaves `bytes`.
Result<void> Exchange::send_now(std::string_view& bytes) {
  const Result<std::size_t> sent =
      connection_.stream->write_now(bytes.substr(0, write_piece_bytes));
  if (!sent) return lose_client();
  bytes_sent_ += *sent;
  bytes.remove_prefix(*sent);
  return {};
}

Task<Result<void>> Exchange::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, write_piece_bytes);
    const Deadline deadline = shared_.clock.now() + limits::client_write_timeout;
    auto written = co_await connection_.stream->write(piece, deadline);
    if (!written) co_return lose_client();
    bytes_sent_ += piece.size();
    bytes.remove_prefix(piece.size());
  }
  co_return Result<void>{};
}

std::optional<std::string_view> Exchange::body_at_hand(std::size_t max_bytes) {
  if (!body_pending_) return std::string_view{};
  ReadBuffer& buffer = connection_.buffer;
  if (head_.framing != BodyFraming::length || head_.content_length > max_bytes ||
      buffer.unread().size() < head_.content_length)
    return std::nullopt;
  const auto body = buffer.unread().substr(0, static_cast<std::size_t>(head_.content_length));
  buffer.consume(body.size());
  body_pending_ = false;
  return body;
}

Task<Exchange::Body> Exchange::read_body(std::size_t max_bytes) {
  if (const auto body = body_at_hand(max_bytes)) co_return *body;
  const bool chunked = head_.framing == BodyFraming::chunked;
  if (!chunked && head_.content_length > max_bytes) co_return too_large(max_bytes);
  if (head_.expect_continue && connection_.buffer.empty()) {
    auto sent = co_await send("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return std::unexpected(cut_off());
  }
  std::expected<void, HeadProblem> gathered;
  if (chunked)
    gathered = co_await gather_chunks(max_bytes);
  else
    gathered = co_await gather_length(static_cast<std::size_t>(head_.content_length));
  if (!gathered) co_return std::unexpected(std::move(gathered).error());
  body_pending_ = false;
  co_return std::string_view(body_);
}

// The head's views point into the connection's buffer, so a body that has not come with it is
// gathered beside it.
Task<std::expected<void, HeadProblem>> Exchange::gather_length(std::size_t length) {
  const std::string_view begun = connection_.buffer.unread();
  connection_.buffer.consume_all();
  std::size_t filled = begun.size();
  body_.resize(std::min(length, std::max(filled, body_read_bytes)));
  begun.copy(body_.data(), filled);
  const MonoTime started = shared_.clock.now();
  while (filled < length) {
    if (filled == body_.size()) body_.resize(std::min(length, 2 * filled));
    const std::span<char> room = std::span(body_).subspan(filled);
    auto got = co_await read_some(room, filled, started);
    if (!got) co_return std::unexpected(std::move(got).error());
    filled += *got;
  }
  co_return std::expected<void, HeadProblem>();
}

Task<std::expected<void, HeadProblem>> Exchange::gather_chunks(std::size_t max_bytes) {
  ChunkedDecoder decoder;
  std::string_view input = connection_.buffer.unread();
  connection_.buffer.consume_all();
  const auto scratch = std::make_unique_for_overwrite<char[]>(body_read_bytes);
  const MonoTime started = shared_.clock.now();
  while (true) {
    while (!input.empty() && !decoder.done()) {
      auto piece = decoder.next(input);
      if (!piece) co_return std::unexpected(std::move(piece).error());
      if (body_.size() + piece->size() > max_bytes) co_return too_large(max_bytes);
      body_.append(*piece);
    }
    if (decoder.done()) break;
    const std::span<char> room(scratch.get(), body_read_bytes);
    auto got = co_await read_some(room, body_.size(), started);
    if (!got) co_return std::unexpected(std::move(got).error());
    input = std::string_view(scratch.get(), *got);
  }
  surplus_.assign(input);  // the next pipelined request
  co_return std::expected<void, HeadProblem>();
}

// More of a body of which `so_far` bytes have come.
Task<std::expected<std::size_t, HeadProblem>> Exchange::read_some(std::span<char> room,
                                                                  std::size_t so_far,
                                                                  MonoTime started) {
  const auto earned = std::chrono::seconds(so_far / limits::body_min_rate);
  const Deadline deadline = started + limits::body_grace + earned;
  auto got = co_await connection_.stream->read_some(room, deadline);
  if (!got && got.error().code == ErrorCode::deadline_exceeded)
    co_return std::unexpected(HeadProblem{408, "the request's body came too slowly"});
  if (!got) {
    left_ = true;
    co_return std::unexpected(cut_off());
  }
  if (*got == 0)
    co_return std::unexpected(
        HeadProblem{400, "the connection was half-closed before the body was complete"});
  co_return *got;
}

// A body that nobody asked for and that has arrived whole does not cost the connection.
void Exchange::skip_buffered_body() {
  if (!body_pending_ || head_.framing != BodyFraming::length) return;
  if (connection_.buffer.unread().size() < head_.content_length) return;
  connection_.buffer.consume(static_cast<std::size_t>(head_.content_length));
  body_pending_ = false;
}

Task<Result<void>> Exchange::answer(int status, const AnswerHeaders& headers,
                                    std::string_view body) {
  HF_CHECK(!begun_);
  begun_ = ended_ = true;
  if (copy_most_) copy_.headers = headers.lines();
  copy_body(body);
  skip_buffered_body();
  if (body_pending_ || shared_.stopping) keep_alive_ = false;
  const std::uint64_t length = body.size();
  if (head_.method == Method::head) body = {};
  const bool in_one = body.size() <= one_write_bytes;
  std::string& spare = shared_.spare;
  std::string out = head_lines(status, headers, keep_alive_, head_.minor_version,
                               in_one ? body.size() : 0, std::exchange(spare, {}));
  if (status != 204) {
    append_content_length(out, length);
  }
  out.append("\r\n");
  if (in_one) {
    out.append(body);
    body = {};
  }
  std::string_view rest = out;
  auto sent = send_now(rest);
  if (sent && !rest.empty()) sent = co_await send(rest);
  out.clear();
  spare = std::move(out);
  if (sent && !body.empty()) sent = co_await send(body);
  co_return sent;
}

void Exchange::begin(int status, const AnswerHeaders& headers,
                     std::optional<std::uint64_t> length) {
  HF_CHECK(!begun_);
  begun_ = true;
  if (copy_most_) copy_.headers = headers.lines();
  chunked_ = !length && head_.minor_version >= 1;
  if (body_pending_ || shared_.stopping || (!length && !chunked_)) keep_alive_ = false;
  pending_ = head_lines(status, headers, keep_alive_, head_.minor_version, first_piece_bytes);
  if (length)
    append_content_length(pending_, *length);
  else if (chunked_)
    pending_.append("transfer-encoding: chunked\r\n");
  pending_.append("\r\n");
}

void Exchange::copy_body(std::string_view piece) {
  if (!copy_most_) return;
  if (copy_.body.size() + piece.size() > *copy_most_) {
    copy_most_.reset();
    copy_ = {};
    return;
  }
  copy_.body.append(piece);
}

std::optional<Exchange::Copy> Exchange::take_copy() {
  if (!copy_most_ || !ended_ || left_ || head_.method == Method::head) return std::nullopt;
  copy_most_.reset();
  return std::move(copy_);
}

void Exchange::append_piece(std::string_view piece) {
  copy_body(piece);
  if (piece.empty() || head_.method == Method::head) return;
  if (chunked_) append_chunk_size(pending_, piece.size());
  pending_.append(piece);
  if (chunked_) pending_.append("\r\n");
}

Task<Result<void>> Exchange::write(std::string_view piece) {
  HF_CHECK(begun_ && !ended_);
  append_piece(piece);
  std::string_view rest = pending_;
  auto sent = send_now(rest);
  if (sent && !rest.empty()) sent = co_await send(rest);
  pending_.clear();
  co_return sent;
}

Task<Result<void>> Exchange::end(std::string_view last_piece) {
  HF_CHECK(begun_ && !ended_);
  append_piece(last_piece);
  if (chunked_ && head_.method != Method::head) pending_.append("0\r\n\r\n");
  ended_ = true;
  std::string_view rest = pending_;
  auto sent = send_now(rest);
  if (sent && !rest.empty()) sent = co_await send(rest);
  pending_.clear();
  co_return sent;
}

Exchange::ClientWatch::ClientWatch(Exchange& exchange, std::function<void()> on_left)
    : exchange_(exchange), on_left_(std::move(on_left)) {
  arm();
}

void Exchange::ClientWatch::arm() {
  ServerShared& shared = exchange_.shared_;
  shared.watchdog.arm(*this, shared.clock.now() + client_poll_interval);
}

void Exchange::ClientWatch::expire() {
  if (!exchange_.connection_.stream->peer_closed()) return arm();
  exchange_.left_ = true;
  exchange_.keep_alive_ = false;
  on_left_();
}

}  // namespace holdfast::net
