// A journal may hold anything after a crash: whatever is read as a record is one, byte for byte.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "records/frame.h"

namespace {
using namespace holdfast::records;

// The frame of a record, written again.
std::string rewritten(const Record& record) {
  std::string frame(frame_max_bytes, '\0');
  if (const auto* start = std::get_if<StartRecord>(&record))
    frame.resize(write_start(frame.data(), start->serial, start->start));
  else
    frame.resize(write_end(frame.data(), std::get<AttemptEnd>(record)));
  return frame;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_head(bytes);
  FrameReader reader(bytes);
  std::size_t before = 0;
  while (const auto record = reader.next()) {
    HF_CHECK(rewritten(*record) == bytes.substr(before, reader.consumed() - before));
    before = reader.consumed();
  }
  // Past the checksum, which a fuzzer does not find.
  if (const auto record = read_record(bytes)) HF_CHECK(rewritten(*record).substr(8) == bytes);
  return 0;
}
