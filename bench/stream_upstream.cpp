// An upstream that streams without end: every request is answered by server-sent chat chunks, each
// in a write of its own and with the time of that write in its text, where a translation carries it
// (CLOCK_MONOTONIC, nanoseconds).
//
//   stream_upstream PORT [RATE]   RATE: chunks a second for each stream, its phases spread evenly;
//                                 0: as many as the socket takes
//
// Prints "listening PORT". One thread; answers whoever connects until it is ended.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr long tick_ns = 1'000'000;
constexpr int send_buffer_bytes = 16 * 1024;  // a stream that goes nowhere holds no more
constexpr std::uint64_t listener_id = 0, timer_id = 1;
constexpr std::string_view answer_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
constexpr const char* event_format =
    "data: {\"id\":\"chatcmpl-9f8e7d6c5b4a39281706\",\"object\":\"chat.completion.chunk\","
    "\"created\":1800000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","
    "\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":"
    "{\"content\":\" t@%019lld\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

std::int64_t now_ns() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * second_ns + at.tv_nsec;
}

struct Stream {
  int socket = -1;
  std::string request;     // read so far
  std::string unsent;      // the rest of a write that did not fit
  bool streaming = false;  // the request has come whole
  bool blocked = false;    // until the socket is writable
  std::int64_t due_ns = 0;
};

class Upstream {
 public:
  Upstream(int listener, std::int64_t rate) : listener_(listener), rate_(rate) {
    epoll_ = epoll_create1(0);
    watch(listener_, listener_id, EPOLLIN);
    if (rate_ == 0) return;
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    const itimerspec every{{0, tick_ns}, {0, tick_ns}};
    timerfd_settime(timer, 0, &every, nullptr);
    timer_ = timer;
    watch(timer, timer_id, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::vector<epoll_event> ready(256);
    while (true) {
      const int patience = rate_ == 0 && !streams_.empty() ? 0 : -1;
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), patience);
      for (int i = 0; i < count; ++i) on_ready(ready[static_cast<std::size_t>(i)]);
      if (rate_ == 0) send_due(now_ns());
    }
  }

 private:
  void watch(int descriptor, std::uint64_t id, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  void on_ready(const epoll_event& event) {
    if (event.data.u64 == listener_id) return accept_all();
    if (event.data.u64 == timer_id) {
      std::uint64_t ticks = 0;
      if (read(timer_, &ticks, sizeof ticks) > 0) send_due(now_ns());
      return;
    }
    const auto found = streams_.find(event.data.u64);
    if (found == streams_.end()) return;
    Stream& stream = *found->second;
    stream.blocked = false;
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !take_request(stream)) {
      close(stream.socket);
      streams_.erase(found);
    }
  }

  void accept_all() {
    while (true) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (socket < 0) return;
      const int on = 1;
      setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
      auto stream = std::make_unique<Stream>();
      stream->socket = socket;
      watch(socket, next_id_, EPOLLIN | EPOLLOUT | EPOLLET);
      streams_.emplace(next_id_++, std::move(stream));
    }
  }

  // Reads what has come; false when the other side has gone.
  bool take_request(Stream& stream) const {
    char bytes[4096];
    ssize_t size = 0;
    while ((size = read(stream.socket, bytes, sizeof bytes)) > 0)
      if (!stream.streaming) stream.request.append(bytes, static_cast<std::size_t>(size));
    if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return false;
    // The body is one JSON object without line breaks: it is whole when the last bracket is there.
    const bool whole =
        stream.request.find("\r\n\r\n{") != std::string::npos && stream.request.ends_with('}');
    if (stream.streaming || !whole) return true;
    stream.streaming = true;
    stream.unsent = answer_head;
    const std::int64_t phase = rate_ == 0 ? 0 : rand() % (second_ns / rate_);
    stream.due_ns = now_ns() + phase;
    return true;
  }

  void send_due(std::int64_t now) {
    for (auto& [id, stream] : streams_)
      if (stream->streaming && !stream->blocked && stream->due_ns <= now) send_one(*stream);
  }

  void send_one(Stream& stream) const {
    char event[512];
    const int size = snprintf(event, sizeof event, event_format, static_cast<long long>(now_ns()));
    char chunk[600];
    const int whole = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", size, event);
    stream.unsent.append(chunk, static_cast<std::size_t>(whole));
    if (rate_ != 0) stream.due_ns += second_ns / rate_;
    const ssize_t sent =
        send(stream.socket, stream.unsent.data(), stream.unsent.size(), MSG_NOSIGNAL);
    stream.unsent.erase(0, sent > 0 ? static_cast<std::size_t>(sent) : 0);
    stream.blocked = !stream.unsent.empty();
  }

  int listener_;
  std::int64_t rate_;
  int epoll_ = -1, timer_ = -1;
  std::uint64_t next_id_ = 2;
  std::unordered_map<std::uint64_t, std::unique_ptr<Stream>> streams_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: stream_upstream PORT [RATE]\n");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(atoi(argv[1])));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 4096) != 0) {
    perror("stream_upstream");
    return 1;
  }
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);
  Upstream(listener, argc > 2 ? atoi(argv[2]) : 0).run();
}
