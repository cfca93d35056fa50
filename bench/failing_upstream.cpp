// An upstream of chat completions that goes away, comes back and slows down when it is told to.
//
//   failing_upstream PORT FIRST_MS CHUNKS GAP_MS
//
// A stream is CHUNKS chunks, GAP_MS between them; a whole answer comes after the time of all. The
// first takes FIRST_MS, half to one and a half times as long, and one in 50 three times that, as in
// holdfast simulate. GET is answered 200 at once. Prints "listening PORT". Commands on stdin, a
// line each: "away" refuses connections and resets those that are open, "back" ends that, "factor
// N" makes everything take N times as long, "count" prints how many have asked. One thread; ends
// with its stdin.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::int64_t ms_ns = 1'000'000;
constexpr std::uint64_t listener_id = 0, command_id = 1;
constexpr int slow_one_in = 50, slow_factor = 3;
constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view event_begin =
    R"(data: {"id":"chatcmpl-9f8e7d6c","object":"chat.completion.chunk","created":1800000000,)"
    R"("model":"m","choices":[)";
constexpr std::string_view whole_begin =
    R"({"id":"chatcmpl-9f8e7d6c","object":"chat.completion","created":1800000000,"model":"m",)"
    R"("choices":[{"index":0,"message":{"role":"assistant","content":"several words"},)"
    R"("finish_reason":"stop"}],)";

std::int64_t now_ns() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

struct Connection {
  int socket = -1;
  std::string in;
  bool stream = false, usage = false, busy = false;
  int sent_chunks = 0;
};

struct Due {
  std::int64_t at;
  std::uint64_t id;
  bool operator>(const Due& other) const { return at > other.at; }
};

class Upstream {
 public:
  Upstream(std::uint16_t port, int first_ms, int chunks, int gap_ms)
      : first_ms_(first_ms), chunks_(chunks), gap_ms_(gap_ms), port_(port) {
    epoll_ = epoll_create1(0);
    watch(STDIN_FILENO, command_id);
  }

  bool listen() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 4096) != 0) {
      perror("failing_upstream");
      return false;
    }
    watch(listener_, listener_id);
    return true;
  }

  int run() {
    std::vector<epoll_event> ready(256);
    while (true) {
      int patience = -1;
      if (!due_.empty())
        patience = static_cast<int>(
            std::max<std::int64_t>(0, (due_.top().at - now_ns() + ms_ns - 1) / ms_ns));
      const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), patience);
      for (int i = 0; i < count; ++i) {
        const std::uint64_t id = ready[static_cast<std::size_t>(i)].data.u64;
        if (id == listener_id) {
          accept_all();
        } else if (id == command_id) {
          if (!take_commands()) return 0;
        } else {
          take_request(id);
        }
      }
      const std::int64_t now = now_ns();
      while (!due_.empty() && due_.top().at <= now) {
        const std::uint64_t id = due_.top().id;
        due_.pop();
        answer(id, now);
      }
    }
  }

 private:
  void watch(int descriptor, std::uint64_t id) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  void accept_all() {
    while (listener_ >= 0) {
      const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (socket < 0) return;
      const int on = 1;
      setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(socket, next_id_);
      connections_[next_id_++].socket = socket;
    }
  }

  bool take_commands() {
    char bytes[256];
    const ssize_t size = read(STDIN_FILENO, bytes, sizeof bytes);
    if (size <= 0) return false;
    command_.append(bytes, static_cast<std::size_t>(size));
    for (auto end = command_.find('\n'); end != std::string::npos; end = command_.find('\n')) {
      const std::string line = command_.substr(0, end);
      command_.erase(0, end + 1);
      if (line == "away") go_away();
      if (line == "back" && listener_ < 0 && !listen()) return false;
      if (line == "count") {
        printf("%llu\n", static_cast<unsigned long long>(asked_));
        fflush(stdout);
      }
      if (line.starts_with("factor ")) factor_ = std::max(1, atoi(line.c_str() + 7));
    }
    return true;
  }

  void go_away() {
    if (listener_ >= 0) close(listener_);
    listener_ = -1;
    const linger reset{1, 0};
    for (auto& [id, one] : connections_) {
      setsockopt(one.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close(one.socket);
    }
    connections_.clear();
  }

  void drop(std::uint64_t id) {
    close(connections_[id].socket);
    connections_.erase(id);
  }

  void take_request(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& one = found->second;
    char bytes[16 * 1024];
    const ssize_t size = read(one.socket, bytes, sizeof bytes);
    if (size <= 0) return drop(id);
    one.in.append(bytes, static_cast<std::size_t>(size));
    const auto head = one.in.find("\r\n\r\n");
    if (head == std::string::npos) return;
    if (one.in.starts_with("GET ")) {
      one.in.clear();
      send_all(id, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    // The body is one JSON object without line breaks: it is whole when the last bracket is there.
    if (one.busy || head + 4 >= one.in.size() || one.in.back() != '}') return;
    one.busy = true;
    ++asked_;
    one.stream = one.in.find(R"("stream":true)") != std::string::npos;
    one.usage = one.in.find(R"("include_usage":true)") != std::string::npos;
    one.sent_chunks = 0;
    one.in.clear();
    std::uniform_int_distribution<std::int64_t> spread(first_ms_ / 2, first_ms_ * 3 / 2);
    std::int64_t wait_ms = spread(random_);
    if (std::uniform_int_distribution<int>(1, slow_one_in)(random_) == 1) wait_ms *= slow_factor;
    if (!one.stream) wait_ms += static_cast<std::int64_t>(chunks_) * gap_ms_;
    due_.push({now_ns() + factor_ * wait_ms * ms_ns, id});
  }

  void answer(std::uint64_t id, std::int64_t now) {
    const auto found = connections_.find(id);
    if (found == connections_.end() || !found->second.busy) return;
    Connection& one = found->second;
    const std::string usage = R"("usage":{"prompt_tokens":9,"completion_tokens":)" +
                              std::to_string(chunks_) + R"(,"total_tokens":)" +
                              std::to_string(9 + chunks_) + "}}";
    if (!one.stream) {
      const std::string body = std::string(whole_begin) + usage;
      one.busy = false;
      send_all(id, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
      return;
    }
    std::string out = one.sent_chunks == 0 ? std::string(stream_head) : "";
    const std::string begin(event_begin);
    if (one.sent_chunks++ < chunks_) {
      add_chunk(out, begin + R"({"index":0,"delta":{"content":"word "},"finish_reason":null}]})");
      due_.push({now + static_cast<std::int64_t>(factor_) * gap_ms_ * ms_ns, id});
    } else {
      add_chunk(out, begin + R"({"index":0,"delta":{},"finish_reason":"stop"}]})");
      if (one.usage) add_chunk(out, begin + "]," + usage);
      add_chunk(out, "data: [DONE]");
      out += "0\r\n\r\n";
      one.busy = false;
    }
    send_all(id, out);
  }

  static void add_chunk(std::string& out, const std::string& event) {
    char size[16];
    snprintf(size, sizeof size, "%zx\r\n", event.size() + 2);
    out += size + event + "\n\n\r\n";
  }

  // Small answers: a socket that does not take one at once has gone wrong.
  void send_all(std::uint64_t id, std::string_view bytes) {
    const ssize_t sent =
        send(connections_[id].socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(bytes.size())) drop(id);
  }

  int first_ms_, chunks_, gap_ms_;
  std::uint16_t port_;
  int factor_ = 1, epoll_ = -1, listener_ = -1;
  std::uint64_t next_id_ = 2, asked_ = 0;
  std::string command_;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::mt19937_64 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: failing_upstream PORT FIRST_MS CHUNKS GAP_MS\n");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  Upstream upstream(static_cast<std::uint16_t>(atoi(argv[1])), atoi(argv[2]), atoi(argv[3]),
                    atoi(argv[4]));
  if (!upstream.listen()) return 1;
  printf("listening %s\n", argv[1]);
  fflush(stdout);
  return upstream.run();
}
