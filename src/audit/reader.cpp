#include "audit/reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/notes.h"

namespace holdfast::audit {

Reader::Reader(ReadFile entries, ReadFile ends, ReadFile nodes, ReadFile checkpoints)
    : entries_(std::move(entries)),
      ends_(std::move(ends)),
      nodes_(std::move(nodes)),
      checkpoints_(std::move(checkpoints)) {}

Result<Reader> Reader::open(const std::string& folder) {
  const Paths paths(folder);
  auto entries = ReadFile::open(paths.entries);
  if (!entries) return std::unexpected(std::move(entries).error());
  auto ends = ReadFile::open(paths.ends);
  if (!ends) return std::unexpected(std::move(ends).error());
  auto nodes = ReadFile::open(paths.nodes);
  if (!nodes) return std::unexpected(std::move(nodes).error());
  auto checkpoints = ReadFile::open(paths.checkpoints);
  if (!checkpoints) return std::unexpected(std::move(checkpoints).error());
  return Reader(*std::move(entries), *std::move(ends), *std::move(nodes), *std::move(checkpoints));
}

Result<std::uint64_t> Reader::size() const {
  const auto bytes = entries_.size();
  if (!bytes) return bytes;
  const auto listed = ends_.size();
  if (!listed) return listed;
  std::uint64_t count = *listed / end_size;
  while (count > 0) {  // an entry is listed a moment before it is there
    const auto end = read_end(ends_, count - 1);
    if (!end) return end;
    if (*end <= *bytes) break;
    --count;
  }
  return count;
}

Result<std::string> Reader::line(std::uint64_t index) const {
  auto found = lines(index, 1, 0);
  if (!found) return std::unexpected(std::move(found).error());
  if (found->empty())
    return fail(ErrorCode::invalid_request, fmt::format("there is no entry {}", index));
  return std::move(found->front());
}

Result<std::vector<std::string>> Reader::lines(std::uint64_t first, std::size_t count,
                                               std::size_t most_bytes) const {
  const auto there = size();
  if (!there) return std::unexpected(there.error());
  std::vector<std::string> out;
  std::size_t bytes = 0;
  std::uint64_t begin = 0;
  if (first > 0 && first < *there) {
    const auto before = read_end(ends_, first - 1);
    if (!before) return std::unexpected(before.error());
    begin = *before;
  }
  for (std::uint64_t index = first; index < *there && out.size() < count; ++index) {
    const auto end = read_end(ends_, index);
    if (!end) return std::unexpected(end.error());
    if (*end <= begin || *end - begin > limits::audit_line_bytes + 1)
      return fail(ErrorCode::io,
                  fmt::format("{} does not fit the entries: `holdfast audit verify` says more",
                              ends_.path()));
    bytes += static_cast<std::size_t>(*end - begin);
    if (!out.empty() && bytes > most_bytes) break;
    auto line = entries_.read(begin, static_cast<std::size_t>(*end - begin));
    if (!line) return std::unexpected(std::move(line).error());
    line->pop_back();  // the line feed
    out.push_back(*std::move(line));
    begin = *end;
  }
  return out;
}

Result<std::optional<Signed>> Reader::last_signed(const PublicKey& key) const {
  auto last = last_note(checkpoints_);
  if (!last) return std::unexpected(std::move(last).error());
  if (last->note.empty()) return std::optional<Signed>();
  auto checkpoint = open_note(last->note, key);
  if (!checkpoint) return std::unexpected(std::move(checkpoint).error());
  return std::optional<Signed>({std::move(last->note), *std::move(checkpoint)});
}

NodeReader Reader::nodes() const {
  return [this](std::uint64_t place) { return read_node(nodes_, place); };
}

Result<PublicKey> read_public_key(const std::string& folder) {
  auto text = read_whole(Paths(folder).public_key, 1'024);
  if (!text) return std::unexpected(std::move(text).error());
  while (text->ends_with('\n')) text->pop_back();
  return PublicKey::parse(*text);
}

}  // namespace holdfast::audit
