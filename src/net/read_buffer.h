// Bytes that a connection has read and nobody has consumed yet.
#pragma once
#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace holdfast::net {

// Its memory is not cleared, so that the part which never was read into costs nothing.
class ReadBuffer {
 public:
  //   usual_bytes   the size that it gets at the first room()
  explicit ReadBuffer(std::size_t usual_bytes) : usual_(usual_bytes) {}

  // Valid until the next room(), assign() or shrink().
  std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t size) { begin_ += size; }
  void consume_all() { begin_ = end_; }

  // Where more bytes go, behind those that are unread: at least one, more than there were when the
  // unread ones fill it. What was read there is told by filled().
  std::span<char> room() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ == size_ && begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else if (end_ == size_) {
      replace(std::max(usual_, 2 * size_), unread());
    }
    return {bytes_.get() + end_, size_ - end_};
  }
  void filled(std::size_t size) { end_ += size; }

  // Holds `bytes` and nothing else.
  void assign(std::string_view bytes) { replace(std::max(usual_, bytes.size()), bytes); }
  // Gives its memory back when it is empty and has grown beyond `most`.
  void shrink(std::size_t most) {
    if (empty() && size_ > most) *this = ReadBuffer(usual_);
  }

 private:
  void replace(std::size_t size, std::string_view bytes) {
    auto grown = std::make_unique_for_overwrite<char[]>(size);
    bytes.copy(grown.get(), bytes.size());
    bytes_ = std::move(grown);
    size_ = size;
    begin_ = 0;
    end_ = bytes.size();
  }

  std::size_t usual_;
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace holdfast::net
