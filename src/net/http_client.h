// The side that reaches upstreams: pooled keep-alive connections of one loop, and one request with
// its answer over one of them. The answer's body comes in pieces as it arrives.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/connector.h"
#include "net/http_head.h"
#include "net/read_buffer.h"
#include "net/stream.h"

namespace holdfast::net {

class UpstreamCall;

// Idle connections by origin, used by one loop.
class ConnectionPool {
 public:
  ConnectionPool(Connector& connector, const Clock& clock);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Closes what has been idle for longer than limits::upstream_idle. Called every second or so.
  void evict();
  // Closes all idle connections.
  void clear();
  std::size_t idle_connections() const;
  // Who makes its connections: another pool over the same shares none of them.
  Connector& connector() const { return connector_; }

 private:
  friend class UpstreamCall;
  struct Connection {
    std::unique_ptr<Stream> stream;
    ReadBuffer buffer;
    MonoTime idle_since{};
  };
  std::unique_ptr<Connection> take(const std::string& key);
  void put(const std::string& key, std::unique_ptr<Connection> connection);

  Connector& connector_;
  const Clock& clock_;
  std::unordered_map<std::string, std::vector<std::unique_ptr<Connection>>> idle_;
};

// One request to an upstream and its answer. Destroying it gives the connection back to the pool
// when the answer was read to its end and both sides keep it open, and closes it otherwise.
class UpstreamCall {
 public:
  // `key` is origin.key(); both outlive the call.
  UpstreamCall(ConnectionPool& pool, const Origin& origin, const std::string& key);
  ~UpstreamCall();
  UpstreamCall(const UpstreamCall&) = delete;
  UpstreamCall& operator=(const UpstreamCall&) = delete;

  // Takes an idle connection of the pool; false when there is none: then open() makes one.
  bool reuse();
  Task<std::expected<void, ConnectFailure>> open(Deadline deadline);
  // Whether the connection has served before: if it fails before the first byte of an answer, the
  // upstream had closed it, and the request may be sent once more over a fresh one.
  bool reused() const { return reused_; }

  //   errors of these: upstream_unavailable (closed or reset), deadline_exceeded, cancelled,
  //   malformed_response (not HTTP/1.1 as read strictly), too_large
  // Sends what goes out without waiting and takes it off the front of `bytes`; send() does the
  // rest.
  Result<void> send_now(std::string_view& bytes);
  Task<Result<void>> send(std::string_view bytes, Deadline deadline);
  // The head of the answer, informational ones skipped. Valid until read_piece.
  Task<Result<const ResponseHead*>> read_head(Deadline deadline);
  // The next piece of the body, valid until the next call; empty at its end.
  // After deadline_exceeded it can be called again, and nothing is lost.
  Task<Result<std::string_view>> read_piece(Deadline deadline);
  // The next piece that has arrived already; empty when there is none.
  Result<std::string_view> next_buffered();
  // Ends what is under way, open() too, now or when it is next awaited, with `cancelled`.
  void cancel();
  bool cancelled() const { return cancellation_.cancelled(); }
  // Whether the body has been read to its end.
  bool body_done() const { return body_done_; }
  std::uint64_t bytes_received() const { return bytes_received_; }

 private:
  void filled(std::size_t bytes);

  ConnectionPool& pool_;
  const Origin& origin_;
  const std::string& key_;
  std::unique_ptr<ConnectionPool::Connection> connection_;
  ResponseHead head_;
  ChunkedDecoder chunked_;
  std::uint64_t left_ = 0;  // of a body with a length
  bool reused_ = false;
  Cancellation cancellation_;
  bool body_done_ = false;
  std::uint64_t bytes_received_ = 0;
};

}  // namespace holdfast::net
