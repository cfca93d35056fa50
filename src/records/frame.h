// The journal's format. A file is a head and then frames; numbers are little-endian.
//
//   head    "HFJRNL1\n"  run u64  thread u16  sequence u32  crc32 of these u32
//   frame   length u32 (of type and payload)  crc32 of type and payload u32  type u8  payload
//
// A start or end that has something to say about money is of a type of its own, with that behind
// the payload of the plain type.
//
// A frame whose length and checksum hold is a record; the first that does not ends the file: what
// lies beyond it is never guessed at.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "records/attempt.h"

namespace holdfast::records {

inline constexpr std::size_t head_bytes = 26;
inline constexpr std::size_t frame_head_bytes = 9;
inline constexpr std::size_t frame_max_bytes = 2048;  // the largest that is ever written
inline constexpr std::size_t text_max_bytes = 255;

struct JournalHead {
  std::uint64_t run = 0;
  std::uint16_t thread = 0;
  std::uint32_t sequence = 0;
};
struct StartRecord {
  std::uint64_t serial = 0;
  AttemptStart start;
};
using Record = std::variant<StartRecord, AttemptEnd>;

// Each writes at `into`, which has room for head_bytes or frame_max_bytes, and returns the bytes
// written. Text beyond text_max_bytes is cut between characters.
std::size_t write_head(char* into, const JournalHead& head);
std::size_t write_start(char* into, std::uint64_t serial, const AttemptStart& start);
std::size_t write_end(char* into, const AttemptEnd& end);
// The length of the whole frame that begins at `frame`, which was written by one of the above.
std::size_t frame_bytes(const char* frame);

// The head of a file's first bytes; nothing when these are not one.
std::optional<JournalHead> read_head(std::string_view bytes);
// One record of a type and payload whose checksum holds; nothing when it is not one.
std::optional<Record> read_record(std::string_view type_and_payload);

enum class Tail {
  clean,    // the bytes end with a frame
  torn,     // they end inside a frame, or in zeros: the rest was never written
  damaged,  // they hold something else
};

// The records in a stretch of a file that begins at a frame.
class FrameReader {
 public:
  explicit FrameReader(std::string_view bytes) : bytes_(bytes) {}
  // The next record; its text lies in the bytes given. Nothing at the end: see tail().
  std::optional<Record> next();
  std::size_t consumed() const { return consumed_; }  // bytes of whole frames
  Tail tail() const { return tail_; }

 private:
  std::string_view bytes_;
  std::size_t consumed_ = 0;
  Tail tail_ = Tail::clean;
};

}  // namespace holdfast::records
