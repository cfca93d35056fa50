#include "engine/output_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace holdfast::engine {
namespace {
constexpr int reads_at_once = 16;
constexpr std::size_t read_bytes = 16'384;

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  return line;
}
}  // namespace

void OutputLog::start() {
  tail_.clear();
  written_ = 0;
  if (path_.empty()) return;
  ::rename(path_.c_str(), (path_ + ".1").c_str());
  file_ = Descriptor(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
}

bool OutputLog::drain(int fd) {
  std::array<char, read_bytes> buffer;
  for (int i = 0; i < reads_at_once; ++i) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0)
      append({buffer.data(), static_cast<std::size_t>(got)});
    else
      return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return true;
}

void OutputLog::append(std::string_view bytes) {
  tail_.append(bytes);
  if (tail_.size() > tail_bytes) tail_.erase(0, tail_.size() - tail_bytes);
  if (!file_) return;
  if (written_ + bytes.size() > file_bytes) {
    std::string kept = std::move(tail_);
    start();
    tail_ = std::move(kept);
    if (!file_) return;
  }
  // A full disk costs lines of this file, nothing else.
  const ssize_t put = ::write(file_.get(), bytes.data(), bytes.size());
  if (put > 0) written_ += static_cast<std::size_t>(put);
}

std::string OutputLog::tail(std::size_t lines) const {
  std::vector<std::string_view> found;
  std::string_view rest = tail_;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    if (!line.empty()) found.push_back(line);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (found.size() > lines)
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(lines));
  std::string out;
  for (const std::string_view line : found) {
    if (!out.empty()) out += " | ";
    out += line;
  }
  return out;
}

}  // namespace holdfast::engine
