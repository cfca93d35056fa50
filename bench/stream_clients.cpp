// Many clients that read streams of stream_upstream, through a proxy or directly: how many chunks
// come, and how long after they were written.
//
//   stream_clients PORT STREAMS WARM_UP SECONDS PATH [BODY]   BODY: else a chat request
//
// Opens STREAMS connections, waits until each has had its first chunk and for WARM_UP seconds more,
// prints "measuring", counts for SECONDS and prints one JSON object. Exits 1 when a stream ended or
// did not begin.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t patience_ns = 30 * second_ns;  // for all streams to begin
constexpr std::string_view mark = "t@";               // in front of the 19 digits of the time
constexpr const char* chat_body =
    R"({"model":"chat","stream":true,"messages":[{"role":"user","content":"Tell me more."}]})";
constexpr std::size_t digits = 19;

std::int64_t now_ns() {
  timespec at{};
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * second_ns + at.tv_nsec;
}

struct Client {
  int socket = -1;
  std::string tail;  // what a mark or its digits may have begun in
  bool begun = false;
};

struct Count {
  bool measuring = false;
  std::uint64_t chunks = 0, bytes = 0;
  std::vector<std::uint32_t> latencies_us;
};

// Counts the chunks in `bytes`. A proxy may cut a chunk's digits in two by a line of its own
// framing; that is rare, and then the time is left out.
std::size_t count_chunks(std::string_view bytes, std::int64_t now, Count& count) {
  std::size_t found = 0, keep_from = bytes.size() - std::min(bytes.size(), mark.size() - 1);
  for (auto at = bytes.find(mark); at != std::string_view::npos; at = bytes.find(mark, at)) {
    if (bytes.size() - at < mark.size() + digits) return at;
    ++found;
    const char* begin = bytes.data() + at + mark.size();
    std::int64_t sent = 0;
    const auto read = std::from_chars(begin, begin + digits, sent);
    if (count.measuring && read.ptr == begin + digits)
      count.latencies_us.push_back(
          static_cast<std::uint32_t>(std::max<std::int64_t>(now - sent, 0) / 1000));
    at += mark.size() + digits;
    keep_from = std::max(keep_from, at);
  }
  if (count.measuring) count.chunks += found;
  return std::min(keep_from, bytes.size());
}

// Reads what has come; false when the stream has ended.
bool read_some(Client& client, Count& count) {
  char bytes[64 * 1024];
  const std::size_t kept = client.tail.copy(bytes, client.tail.size());
  const ssize_t size = read(client.socket, bytes + kept, sizeof bytes - kept);
  if (size <= 0) return size < 0 && (errno == EAGAIN || errno == EINTR);
  client.begun =
      client.begun || std::string_view(bytes, kept + static_cast<std::size_t>(size)).find(mark) !=
                          std::string_view::npos;
  if (count.measuring) count.bytes += static_cast<std::uint64_t>(size);
  const std::string_view all(bytes, kept + static_cast<std::size_t>(size));
  client.tail = all.substr(count_chunks(all, now_ns(), count));
  return true;
}

int connect_to(std::uint16_t port, const std::string& path, const std::string& body) {
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
  const std::string request = "POST " + path +
                              " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                              "Content-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body;
  const ssize_t sent = send(client, request.data(), request.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(request.size()) ? client : -1;
}

std::uint32_t quantile(std::vector<std::uint32_t>& sorted, double part) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

int report(Count& count, double seconds, std::size_t streams) {
  std::sort(count.latencies_us.begin(), count.latencies_us.end());
  printf(
      "{\"streams\":%zu,\"seconds\":%.3f,\"chunks\":%llu,\"chunks_per_second\":%.0f,"
      "\"bytes\":%llu,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u}\n",
      streams, seconds, static_cast<unsigned long long>(count.chunks),
      static_cast<double>(count.chunks) / seconds, static_cast<unsigned long long>(count.bytes),
      quantile(count.latencies_us, 0.5), quantile(count.latencies_us, 0.99),
      quantile(count.latencies_us, 1));
  return 0;
}

int run(std::uint16_t port, std::size_t streams, double warm_up, double seconds,
        const std::string& path, const std::string& body) {
  const int epoll = epoll_create1(0);
  std::vector<Client> clients(streams);
  for (Client& client : clients) {
    client.socket = connect_to(port, path, body);
    if (client.socket < 0) {
      perror("stream_clients: connect");
      return 1;
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &client;
    epoll_ctl(epoll, EPOLL_CTL_ADD, client.socket, &event);
  }
  Count count;
  std::size_t begun = 0;
  const std::int64_t give_up = now_ns() + patience_ns;
  std::int64_t measure_at = give_up, end_at = give_up;
  std::vector<epoll_event> ready(256);
  while (true) {
    const int events = epoll_wait(epoll, ready.data(), static_cast<int>(ready.size()), 10);
    for (int i = 0; i < events; ++i) {
      Client& client = *static_cast<Client*>(ready[static_cast<std::size_t>(i)].data.ptr);
      const bool before = client.begun;
      if (!read_some(client, count)) {
        fprintf(stderr, "stream_clients: a stream ended\n");
        return 1;
      }
      if (client.begun && !before && ++begun == streams)
        measure_at = now_ns() + static_cast<std::int64_t>(warm_up * second_ns);
    }
    const std::int64_t now = now_ns();
    if (begun < streams && now > give_up) {
      fprintf(stderr, "stream_clients: %zu of %zu streams began\n", begun, streams);
      return 1;
    }
    if (!count.measuring && now >= measure_at) {
      count.measuring = true;
      measure_at = now;
      end_at = now + static_cast<std::int64_t>(seconds * second_ns);
      printf("measuring\n");
      fflush(stdout);
    } else if (count.measuring && now >= end_at) {
      return report(count, static_cast<double>(now - measure_at) / second_ns, streams);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    fprintf(stderr, "usage: stream_clients PORT STREAMS WARM_UP SECONDS PATH [BODY]\n");
    return 1;
  }
  return run(static_cast<std::uint16_t>(atoi(argv[1])), static_cast<std::size_t>(atoi(argv[2])),
             atof(argv[3]), atof(argv[4]), argv[5], argc > 6 ? argv[6] : chat_body);
}
