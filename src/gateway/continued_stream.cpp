#include "gateway/continued_stream.h"

#include <algorithm>

#include "base/limits.h"
#include "dialect/estimate.h"

namespace holdfast::gateway {

using dialect::BlockKind;
using dialect::EventKind;
using dialect::StreamEvent;

namespace {

bool is_thought(BlockKind kind) {
  return kind == BlockKind::thinking || kind == BlockKind::redacted_thinking;
}

void sum_up(std::int64_t& total, std::int64_t more) {
  if (more >= 0) total = std::max<std::int64_t>(total, 0) + more;
}

dialect::Usage sum_of(dialect::Usage total, const dialect::Usage& more) {
  sum_up(total.tokens_in, more.tokens_in);
  sum_up(total.tokens_out, more.tokens_out);
  sum_up(total.tokens_cached, more.tokens_cached);
  sum_up(total.tokens_cache_written, more.tokens_cache_written);
  sum_up(total.tokens_reasoning, more.tokens_reasoning);
  sum_up(total.tokens_cache_written_1h, more.tokens_cache_written_1h);
  sum_up(total.tokens_audio_in, more.tokens_audio_in);
  sum_up(total.tokens_audio_out, more.tokens_audio_out);
  return total;
}

}  // namespace

ContinuedStream::ContinuedStream(std::unique_ptr<dialect::StreamWriter> client, bool signs,
                                 std::int64_t prompt_tokens)
    : client_(std::move(client)), signs_(signs), prompt_tokens_(prompt_tokens) {}

std::string_view ContinuedStream::unusable() const {
  return started_over_ ? "it began another answer in place of going on" : std::string_view();
}

void ContinuedStream::write(const StreamEvent& event, std::string& out) {
  if (started_over_) return;
  switch (event.kind) {
    case EventKind::start:
      if (!std::exchange(started_, true)) client_->write(event, out);
      return;
    case EventKind::block_start:
      return open(event, out);
    case EventKind::delta:
      return add(event, out);
    case EventKind::citation:
      // Later its places are those of a text that begins elsewhere; until then, blocks have the
      // numbers that they came with.
      if (!resumed()) client_->write(event, out);
      return;
    case EventKind::signature:
      if (Open* block = find(event.block); block != nullptr && block->fate == Fate::passed) {
        StreamEvent ours = event;
        ours.block = block->ours;
        client_->write(ours, out);
      }
      return;
    case EventKind::block_stop:
      return stop(event, out);
    case EventKind::finish:
      return finish(event, out);
    case EventKind::usage:
      current_.update(event.usage);
      if (!resumed()) client_->write(event, out);  // else the sum, at the end
      return;
    case EventKind::ping:
      if (resumed() && !spoke_) return;  // until it commits, nothing of an attempt may be written
      return client_->write(event, out);
    case EventKind::error:
      return client_->write(event, out);
    case EventKind::end:
      if (std::exchange(ended_, true)) return;
      if (resumed()) write_usage(out);
      return client_->write(event, out);
  }
}

Mending ContinuedStream::mending() const {
  if (finished_) return Mending::complete;
  if (fixed_ || client_->gave_up() || told_.size() > limits::continued_bytes) return Mending::none;
  const bool half_thought = std::ranges::any_of(open_, [](const Open& block) {
    return is_thought(block.kind) && block.fate == Fate::passed;
  });
  if (half_thought && signs_) return Mending::none;
  return without_blank_end(told_).empty() ? Mending::restart : Mending::go_on;
}

// What the attempt under way has not told of its usage.
void ContinuedStream::estimate_usage() {
  if (current_.tokens_in < 0) current_.tokens_in = prompt_tokens_;
  const std::string_view said = std::string_view(told_).substr(told_before_);
  if (!said.empty())
    current_.tokens_out = std::max(current_.tokens_out, dialect::estimate_text_tokens(said));
}

// Adds up what the attempts have used so far, and notes which blocks are open at the client's.
void ContinuedStream::break_off() {
  estimate_usage();
  const int continuations = usage_.continuations + 1;
  usage_ = sum_of(usage_, current_);
  usage_.continuations = continuations;
  current_ = {};
  told_before_ = told_.size();
  for (const Open& block : open_) {
    if (block.fate != Fate::passed) continue;
    if (block.kind != BlockKind::text || text_block_)
      stale_.push_back(block.ours);
    else
      text_block_ = block.ours;
  }
  next_is_asked(Asking::told);
}

void ContinuedStream::next_is_asked(Asking asking) {
  asking_ = asking;
  started_over_ = false;
  forget_attempt();
}

void ContinuedStream::forget_attempt() {
  open_.clear();
  current_ = {};
  spoke_ = false;
  seam_.reset();
  if (!told_.empty()) seam_.emplace(told_, asking_);
}

void ContinuedStream::close(std::string& out) {
  if (std::exchange(ended_, true)) return;
  StreamEvent end;
  end.kind = EventKind::end;
  if (resumed() || !current_.given()) {
    estimate_usage();
    write_usage(out);
  }
  client_->write(end, out);
}

ContinuedStream::Open* ContinuedStream::find(std::uint32_t theirs) {
  const auto found = std::ranges::find(open_, theirs, &Open::theirs);
  return found == open_.end() ? nullptr : &*found;
}

void ContinuedStream::open(const StreamEvent& event, std::string& out) {
  Open& block = open_.emplace_back();
  block.theirs = event.block;
  block.kind = event.block_kind;
  if (is_thought(block.kind) && resumed() && !told_.empty()) {
    block.fate = Fate::dropped;  // about how to go on: nothing for the client
    return;
  }
  if (resumed() && !dialect::sight_of({&event, 1}).content) {
    block.fate = Fate::waiting;
    return;
  }
  begin(block, event, out);
}

void ContinuedStream::begin(Open& block, StreamEvent event, std::string& out) {
  fixed_ = fixed_ || (block.kind != BlockKind::text && !is_thought(block.kind));
  const bool joins = block.kind == BlockKind::text && text_block_.has_value();
  if (text_block_ && !joins) stale_.push_back(*std::exchange(text_block_, std::nullopt));
  end_stale(out);
  spoke_ = true;
  block.fate = Fate::passed;
  block.ours = joins ? *std::exchange(text_block_, std::nullopt) : next_block_++;
  if (joins) return;
  event.kind = EventKind::block_start;
  event.block = block.ours;
  event.block_kind = block.kind;
  client_->write(event, out);
}

void ContinuedStream::add(const StreamEvent& event, std::string& out) {
  Open* block = find(event.block);
  if (block == nullptr || block->fate == Fate::dropped) return;
  if (block->kind != BlockKind::text || !seam_) return say(*block, event.text, event, out);
  std::string fresh;
  seam_->feed(event.text, fresh);
  started_over_ = seam_->started_over();
  say(*block, fresh, event, out);
}

// Passes a piece on, in the block that is there for it.
void ContinuedStream::say(Open& block, std::string_view text, const StreamEvent& event,
                          std::string& out) {
  if (text.empty() && event.logprobs.empty()) return;
  if (block.fate == Fate::waiting) begin(block, {}, out);
  StreamEvent ours = event;
  ours.kind = EventKind::delta;
  ours.block = block.ours;
  ours.block_kind = block.kind;
  ours.text = text;
  client_->write(ours, out);
  if (block.kind == BlockKind::text && told_.size() <= limits::continued_bytes) told_.append(text);
}

void ContinuedStream::stop(const StreamEvent& event, std::string& out) {
  Open* block = find(event.block);
  if (block == nullptr) return;
  if (block->kind == BlockKind::text) end_seam(*block, out);
  if (block->fate == Fate::passed) stop_block(block->ours, out);
  std::erase_if(open_, [&event](const Open& one) { return one.theirs == event.block; });
}

void ContinuedStream::stop_block(std::uint32_t ours, std::string& out) {
  StreamEvent event;
  event.kind = EventKind::block_stop;
  event.block = ours;
  client_->write(event, out);
}

// What was held back as a repetition is none, if the text ends here.
void ContinuedStream::end_seam(Open& block, std::string& out) {
  if (!seam_) return;
  std::string fresh;
  seam_->finish(fresh);
  started_over_ = seam_->started_over();
  seam_.reset();
  StreamEvent event;
  say(block, fresh, event, out);
}

void ContinuedStream::finish(const StreamEvent& event, std::string& out) {
  for (Open& block : open_)
    if (block.kind == BlockKind::text) end_seam(block, out);
  if (started_over_) return;
  if (text_block_) stale_.push_back(*std::exchange(text_block_, std::nullopt));
  end_stale(out);
  finished_ = true;
  client_->write(event, out);
}

void ContinuedStream::end_stale(std::string& out) {
  for (const std::uint32_t block : stale_) stop_block(block, out);
  stale_.clear();
}

void ContinuedStream::write_usage(std::string& out) {
  StreamEvent event;
  event.kind = EventKind::usage;
  event.usage = sum_of(usage_, current_);
  client_->write(event, out);
}

}  // namespace holdfast::gateway
