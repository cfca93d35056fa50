#include "net/http_client.h"

#include <cstring>

#include "base/limits.h"

namespace holdfast::net {
namespace {
constexpr std::size_t read_buffer_bytes = 16'384;
constexpr int informational_answers = 8;
}  // namespace

ConnectionPool::ConnectionPool(Connector& connector, const Clock& clock)
    : connector_(connector), clock_(clock) {}
ConnectionPool::~ConnectionPool() = default;

std::unique_ptr<ConnectionPool::Connection> ConnectionPool::take(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return nullptr;
  while (!found->second.empty()) {  // the most recently used first: the others may age and go
    auto connection = std::move(found->second.back());
    found->second.pop_back();
    if (connection->stream->quiet()) return connection;
    connection->stream->close();
  }
  return nullptr;
}

void ConnectionPool::put(const std::string& key, std::unique_ptr<Connection> connection) {
  auto& list = idle_[key];
  if (list.size() >= limits::idle_connections_per_origin) {
    connection->stream->close();
    return;
  }
  connection->idle_since = clock_.now();
  list.push_back(std::move(connection));
}

void ConnectionPool::evict() {
  const MonoTime oldest = clock_.now() - limits::upstream_idle;
  for (auto entry = idle_.begin(); entry != idle_.end();) {
    auto& list = entry->second;
    std::erase_if(
        list, [oldest](const auto& c) { return c->idle_since < oldest || !c->stream->quiet(); });
    entry = list.empty() ? idle_.erase(entry) : std::next(entry);
  }
}

void ConnectionPool::clear() { idle_.clear(); }

std::size_t ConnectionPool::idle_connections() const {
  std::size_t count = 0;
  for (const auto& [key, list] : idle_) count += list.size();
  return count;
}

UpstreamCall::UpstreamCall(ConnectionPool& pool, const Origin& origin, const std::string& key)
    : pool_(pool), origin_(origin), key_(key) {}

UpstreamCall::~UpstreamCall() {
  if (!connection_) return;
  if (body_done_ && head_.keep_alive && !cancelled() && connection_->buffer.empty())
    pool_.put(key_, std::move(connection_));
  else
    connection_->stream->close();
}

bool UpstreamCall::reuse() {
  if (!cancelled()) connection_ = pool_.take(key_);
  reused_ = connection_ != nullptr;
  return reused_;
}

Task<std::expected<void, ConnectFailure>> UpstreamCall::open(Deadline deadline) {
  using Failed = std::unexpected<ConnectFailure>;
  if (cancelled()) co_return Failed({FailureClass::client_left, "cancelled"});
  auto stream = co_await pool_.connector_.connect(origin_, deadline, cancellation_);
  if (!stream) co_return Failed(std::move(stream).error());
  connection_ = std::make_unique<ConnectionPool::Connection>(std::move(*stream),
                                                             ReadBuffer(read_buffer_bytes));
  if (cancelled()) co_return Failed({FailureClass::client_left, "cancelled"});
  co_return std::expected<void, ConnectFailure>();
}

Result<void> UpstreamCall::send_now(std::string_view& bytes) {
  if (cancelled()) return fail(ErrorCode::cancelled, "cancelled");
  Result<std::size_t> sent = connection_->stream->write_now(bytes);
  if (!sent) return std::unexpected(std::move(sent).error());
  bytes.remove_prefix(*sent);
  return {};
}

Task<Result<void>> UpstreamCall::send(std::string_view bytes, Deadline deadline) {
  if (cancelled()) co_return fail(ErrorCode::cancelled, "cancelled");
  auto written = co_await connection_->stream->write(bytes, deadline);
  co_return written;
}

void UpstreamCall::filled(std::size_t bytes) {
  connection_->buffer.filled(bytes);
  bytes_received_ += bytes;
}

Task<Result<const ResponseHead*>> UpstreamCall::read_head(Deadline deadline) {
  auto& c = *connection_;
  for (int informational = 0; informational < informational_answers;) {
    const std::string_view unread = c.buffer.unread();
    auto end = find_head_end(unread, false);
    if (!end) co_return fail(ErrorCode::malformed_response, std::move(end.error().detail));
    if (!*end) {
      if (cancelled()) co_return fail(ErrorCode::cancelled, "cancelled");
      const std::span<char> into = c.buffer.room();
      auto got = co_await c.stream->read_some(into, deadline);
      if (!got) co_return std::unexpected(std::move(got).error());
      filled(*got);
      if (*got == 0 && unread.empty())
        co_return fail(ErrorCode::upstream_unavailable, "closed before an answer");
      if (*got == 0)
        co_return fail(ErrorCode::upstream_unavailable, "closed within the answer's head");
      continue;
    }
    auto head = read_response_head(unread.substr(0, **end));
    if (!head) co_return fail(ErrorCode::malformed_response, std::move(head.error().detail));
    c.buffer.consume(**end);
    if (head->status == 101)
      co_return fail(ErrorCode::malformed_response, "an upgrade that was not asked for");
    if (head->status < 200) {
      ++informational;
      continue;
    }
    head_ = std::move(*head);
    left_ = head_.content_length;
    body_done_ = head_.framing == BodyFraming::none;
    co_return &head_;
  }
  co_return fail(ErrorCode::malformed_response, "too many informational answers");
}

Result<std::string_view> UpstreamCall::next_buffered() {
  auto& c = *connection_;
  while (!body_done_ && !c.buffer.empty()) {
    std::string_view unread = c.buffer.unread();
    std::string_view piece;
    if (head_.framing == BodyFraming::chunked) {
      const std::size_t before = unread.size();
      auto decoded = chunked_.next(unread);
      if (!decoded) return fail(ErrorCode::malformed_response, std::move(decoded.error().detail));
      piece = *decoded;
      c.buffer.consume(before - unread.size());
      body_done_ = chunked_.done();
    } else if (head_.framing == BodyFraming::length) {
      piece =
          unread.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, unread.size())));
      c.buffer.consume(piece.size());
      left_ -= piece.size();
      body_done_ = left_ == 0;
    } else {
      piece = unread;
      c.buffer.consume_all();
    }
    if (!piece.empty()) return piece;
  }
  return std::string_view{};
}

Task<Result<std::string_view>> UpstreamCall::read_piece(Deadline deadline) {
  while (true) {
    auto piece = next_buffered();
    if (!piece || !piece->empty() || body_done_) co_return piece;
    if (cancelled()) co_return fail(ErrorCode::cancelled, "cancelled");
    const std::span<char> into = connection_->buffer.room();
    auto got = co_await connection_->stream->read_some(into, deadline);
    if (!got) co_return std::unexpected(std::move(got).error());
    filled(*got);
    if (*got > 0) continue;
    if (head_.framing != BodyFraming::until_close)
      co_return fail(ErrorCode::upstream_unavailable, "closed before the end of the body");
    body_done_ = true;
  }
}

void UpstreamCall::cancel() {
  cancellation_.cancel();
  if (connection_) connection_->stream->cancel();
}

}  // namespace holdfast::net
